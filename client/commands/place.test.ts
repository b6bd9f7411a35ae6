import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PlacementProblem } from '../../contracts/placement.js';
import { comparePlans } from '../../services/mesh/placement/plan.js';
import { liveProblem } from '../live-problem.js';
import type { ShardBeat } from '../shard-beats.js';
import { plansText } from './place.js';

test('the example inventory is placed by all four policies, with reasons', async () => {
  const file = new URL('../../deploy/examples/inventory.json', import.meta.url);
  const plans = await comparePlans(PlacementProblem.parse(JSON.parse(readFileSync(file, 'utf8'))));
  expect(plans.map(({ unplaced }) => unplaced)).toEqual([[], [], [], []]);
  const shown = plansText(plans, 'traffic');
  expect(shown).toMatch(/^policy +plan +replicas/);
  expect(shown).toContain('intelligent');
  expect(shown).toMatch(/chat .*1 on cuda in frankfurt \(nowhere else allowed\)/);
});

test('heartbeats become a problem: rates by region, and what lies where', () => {
  const version = 'a'.repeat(64);
  const replica = { id: 'r', model: 'm', version, state: 'ready', itemMs: 5 };
  const beat = (shard: string, region: string): object => ({
    ...{ shard, region, device: { kind: 'cpu', cores: 2, memoryBytes: 1e9 } },
    replicas: shard === 'a' ? [replica] : [],
  });
  const beats = [
    { beat: beat('a', 'east'), heardMs: 0, ratePerS: new Map([['r', 7]]) },
    { beat: beat('b', 'west'), heardMs: 0, ratePerS: new Map() },
  ] as unknown as ShardBeat[];
  const endpoint = { name: 'e', variants: [{ version, label: 'v', weight: 10_000 }] };
  const problem = liveProblem(
    beats,
    [endpoint] as never,
    [{ versions: [{ digest: version, bytes: 100 }] }] as never,
  );
  expect(problem.shards.map(({ holds }) => holds)).toEqual([['e'], []]);
  expect(problem.endpoints[0]).toMatchObject({
    memoryBytes: 250,
    runs: { cpu: { serviceMs: 5, ratePerS: 200 } },
    groups: [
      { home: 'east', ratePerS: 7, now: { east: 1 } },
      { home: 'west', ratePerS: 0 },
    ],
  });
});
