import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import { silentLog } from '../mesh/log.js';
import { planHere } from '../mesh/placement/planner.js';
import type { Placements, ShardView } from '../mesh/placement/shard-view.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
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

/** Plans of these costs one after the other, each for one endpoint on one shard. */
async function followed(
  answers: readonly { readonly on: string; readonly objective: number; readonly asIs?: number }[],
  regions = shards,
): Promise<(string | undefined)[]> {
  const left = [...answers];
  const plans = new PolicyPlans({
    log: silentLog,
    planning: async (problem, what) => {
      const [plan] = await planHere(problem, what === 'solved' ? 'intelligent' : what);
      const { on, ...costs } = left.shift() ?? expect.fail();
      const { asIs: _, ...rest } = plan ?? expect.fail();
      const ocr = rest.endpoints[0] ?? expect.fail();
      return [{ ...rest, ...costs, endpoints: [{ ...ocr, shards: [on] }] }];
    },
    changed: () => undefined,
  });
  const seen: (string | undefined)[] = [];
  for (let look = 0; left.length > 0; look++) {
    const views = (look === 0 ? shards : regions).map((id) => shard(id, true));
    const record = endpoint({ policy: 'intelligent' });
    const inputs = {
      endpoints: [record],
      shards: views,
      current: new Map(),
      memoryOf: () => 1_000,
      ratePerS: () => 1,
    };
    await plans.plan(inputs, String(look), look, new AbortController().signal);
    await waitUntil('the solved one is asked for', () => left.length % 2 === 0);
    await setImmediate();
    const { seatsOf } = plans.rules({ shards: views, current: new Map() });
    seen.push([...(seatsOf(record) ?? [])][0]);
  }
  return seen;
}

test('a plan that is followed stays until another saves a hundredth of what all costs, at once or solved', async () => {
  const seen = await followed([
    { on: 'east-1', objective: 100 },
    { on: 'east-2', objective: 99.5 },
    // Not worth it at once, nor solved.
    { on: 'west-1', objective: 100, asIs: 100 },
    { on: 'west-2', objective: 99.2 },
    // Worth it when it is solved.
    { on: 'west-1', objective: 99.8, asIs: 100 },
    { on: 'west-2', objective: 98.5 },
    // At once.
    { on: 'north-1', objective: 90, asIs: 100 },
    { on: 'west-1', objective: 89.5 },
    // What there is does not do any more.
    { on: 'east-1', objective: 120 },
    { on: 'east-2', objective: 119.5 },
  ]);
  expect(seen).toEqual(['east-1', 'east-1', 'west-2', 'north-1', 'east-1']);
});

test('solved plans that are not worth following are asked for ever more seldom, until one is or something is new', async () => {
  const asked: number[] = [];
  let nowS = 0;
  let solved = 100;
  const views = shards.map((id) => shard(id, true));
  const looker = new PolicyPlans({
    log: silentLog,
    planning: async (problem, what) => {
      if (what === 'solved') asked.push(nowS);
      const [plan] = await planHere(problem, 'intelligent');
      return [{ ...(plan ?? expect.fail()), objective: what === 'solved' ? solved : 100, asIs: 100 }];
    },
    changed: () => undefined,
  });
  const look = async (endS: number, about: string): Promise<void> => {
    for (; nowS < endS; nowS += 30) {
      const inputs = {
        endpoints: [endpoint({ policy: 'intelligent' })],
        shards: views,
        current: new Map(),
        memoryOf: () => 1_000,
        ratePerS: () => 1,
      };
      await looker.plan(inputs, about, nowS * 1_000, new AbortController().signal);
      await setImmediate();
    }
  };
  await look(900, 'a');
  expect(asked).toEqual([0, 60, 180, 420]);
  solved = 90;
  await look(1_080, 'a');
  expect(asked).toEqual([0, 60, 180, 420, 900, 930, 960, 990, 1_020, 1_050]);
});

test('an endpoint that follows another policy now is not held by the plan that stays for the others', async () => {
  const plans = new PolicyPlans({ log: silentLog, planning: planHere, changed: () => undefined });
  const views = shards.map((id) => shard(id, true));
  const by = (name: string, placement: EndpointRecord['placement']): EndpointRecord => ({
    ...endpoint(placement),
    name,
  });
  const others = [by('a', { policy: 'user', regions: ['east'] }), by('c', { policy: 'intelligent' })];
  const seats = async (b: EndpointRecord, about: string): Promise<string[]> => {
    const inputs = { shards: views, current: new Map(), memoryOf: () => 1_000, ratePerS: () => 0 };
    await plans.plan({ ...inputs, endpoints: [...others, b] }, about, 0, new AbortController().signal);
    return [...plans.rules({ shards: views, current: new Map() }).seatsOf(b)];
  };
  const [first] = await seats(by('b', { policy: 'intelligent', regions: ['west'] }), '1');
  expect(first).toMatch(/^west/);
  expect(await seats(by('b', { policy: 'user', regions: ['north'] }), '2')).toEqual(['north-1']);
});

test('a plan that names a shard that is gone is followed no longer, whatever the next one costs', async () => {
  const answers = [
    { on: 'east-1', objective: 100 },
    { on: 'east-1', objective: 100 },
    { on: 'west-1', objective: 130, asIs: 100 },
    { on: 'west-1', objective: 130, asIs: 100 },
  ];
  expect(await followed(answers, ['east-2', 'west-1'])).toEqual(['east-1', 'west-1']);
});

test('a pinned shard gets a replica, with a policy and without one', async () => {
  for (const placement of [undefined, { policy: 'user' as const }]) {
    const record = { ...endpoint(placement), pins: { ada: 'west-2' } };
    const last = (await settle(record, { east: 1 })).at(-1) as Placements;
    expect(holders(last)).toContain('west-2');
    expect(holders(last).filter((id) => id.startsWith('west'))).toHaveLength(1);
  }
});
