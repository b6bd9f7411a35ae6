import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import { silentLog } from '../mesh/log.js';
import { planHere } from '../mesh/placement/planner.js';
import type { Placements, ShardView } from '../mesh/placement/shard-view.js';
import { place } from './place.js';
import { PolicyPlans } from './policy-plans.js';
import { anEndpoint, digestOf } from './testing/records.js';

const version = digestOf('ocr v1');
const shard = (id: string, ready: boolean): ShardView => ({
  id,
  region: id.split('-')[0] ?? '',
  state: 'open',
  device: { kind: 'cpu', cores: 1, memoryBytes: 2 ** 32 },
  itemMs: new Map([[version, 10]]),
  ready: new Set(ready ? [version] : []),
});
const shards = ['east-1', 'east-2', 'west-1', 'west-2', 'north-1'];
const endpoint = (placement: EndpointRecord['placement']): EndpointRecord => ({
  ...anEndpoint('ocr', { v1: 10_000 }),
  ...(placement && { placement }),
});
const holders = (placements: Placements): string[] =>
  [...placements].filter(([, held]) => held.length > 0).map(([id]) => id);

/** Places again and again: what was placed is ready at the next look. */
async function settle(
  record: EndpointRecord,
  rates: Record<string, number>,
  before: Placements = new Map(),
  looks = 3,
): Promise<Placements[]> {
  const plans = new PolicyPlans({ log: silentLog, planning: planHere, changed: () => undefined });
  const seen: Placements[] = [];
  let current = before;
  for (let look = 0; look < looks; look++) {
    const views = shards.map((id) => shard(id, (current.get(id) ?? []).length > 0));
    const ratePerS = (_: string, region: string): number => rates[region] ?? 0;
    const inputs = { endpoints: [record], shards: views, current, memoryOf: () => 1_000, ratePerS };
    await plans.plan(inputs, String(look), look, new AbortController().signal);
    current = place(
      [record],
      views,
      current,
      () => 1_000,
      plans.rules({ shards: views, current }),
    ).placements;
    seen.push(current);
  }
  return seen;
}

test('traffic placement puts replicas where callers are: two in the busy region', async () => {
  const last = (await settle(endpoint({ policy: 'traffic' }), { east: 90, west: 5, north: 5 })).at(-1);
  const regions = holders(last as Placements).map((id) => id.split('-')[0]);
  expect(regions.toSorted((a = '', b = '') => a.localeCompare(b))).toEqual(['east', 'east', 'north', 'west']);
});

test('an endpoint that is to stay in one region leaves the others, once it is ready there', async () => {
  const record = endpoint({ policy: 'user', regions: ['north'] });
  const everywhere = place(
    [anEndpoint('ocr', { v1: 10_000 })],
    shards.map((id) => shard(id, false)),
    new Map(),
  );
  const seen = await settle(
    record,
    { east: 1 },
    new Map([...everywhere.placements].map(([id, held]) => [id, id.startsWith('north') ? [] : held])),
  );
  // First beside the old ones, then without them.
  expect(holders(seen[0] as Placements).length).toBe(3);
  expect(holders(seen.at(-1) as Placements)).toEqual(['north-1']);
});

test('without a policy every region keeps its number', async () => {
  const last = (await settle(endpoint(undefined), { east: 90 })).at(-1) as Placements;
  expect(holders(last)).toHaveLength(3);
});

test('residency is kept although the policy finds no place: it lies nowhere rather than elsewhere', async () => {
  const last = (await settle(endpoint({ policy: 'traffic', regions: ['mars'] }), { east: 1 })).at(
    -1,
  ) as Placements;
  expect(holders(last)).toEqual([]);
});

test('what the policy cannot place is placed as before, where it may be', async () => {
  const spread = { over: 'zone', domains: 9, survives: 0 } as const;
  const last = (await settle(endpoint({ policy: 'traffic', spread, regions: ['east', 'west'] }), {})).at(-1);
  const regions = holders(last as Placements).map((id) => id.split('-')[0]);
  expect(regions.toSorted((a = '', b = '') => a.localeCompare(b))).toEqual(['east', 'west']);
});

test('a pinned shard gets a replica, with a policy and without one', async () => {
  for (const placement of [undefined, { policy: 'user' as const }]) {
    const record = { ...endpoint(placement), pins: { ada: 'west-2' } };
    const last = (await settle(record, { east: 1 })).at(-1) as Placements;
    expect(holders(last)).toContain('west-2');
    expect(holders(last).filter((id) => id.startsWith('west'))).toHaveLength(1);
  }
});
