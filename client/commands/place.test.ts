import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PlacementProblem } from '../../contracts/placement.js';
import { comparePlans } from '../../services/mesh/placement/plan.js';
import { liveProblem } from '../../services/mesh/placement/live-problem.js';
import { viewOf } from '../../services/mesh/placement/shard-view.js';
import { anEndpoint, digestOf } from '../../services/registry/testing/records.js';
import { runningProblem } from '../running-problem.js';
import { plansText } from './place.js';

test('the example inventory is placed by all four policies, with reasons', async () => {
  const file = new URL('../../deploy/examples/inventory.json', import.meta.url);
  const problem = PlacementProblem.parse(JSON.parse(readFileSync(file, 'utf8')));
  const plans = await comparePlans(problem);
  expect(plans.map(({ unplaced }) => unplaced)).toEqual([[], [], [], []]);
  const shown = plansText(problem, plans, 'traffic');
  expect(shown).toMatch(/^policy +plan +replicas/);
  expect(shown).toContain('intelligent');
  expect(shown).toMatch(/chat .*frankfurt-gpu .*1 on cuda in frankfurt\/a \(nowhere else allowed\)/);
});

test('whoever reads a plan sees which replicas come and which go', async () => {
  const problem = PlacementProblem.parse({
    shards: [
      { id: 'a', region: 'east', memoryBytes: 8e9, holds: ['reader'] },
      { id: 'b', region: 'west', memoryBytes: 8e9, pricePerHour: 5 },
    ],
    endpoints: [
      {
        name: 'reader',
        memoryBytes: 1e9,
        runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
        groups: [{ name: 'users', home: 'west', ratePerS: 1, regions: ['west'] }],
      },
    ],
  });
  const shown = plansText(problem, await comparePlans(problem), 'user');
  expect(shown).toMatch(/^user +greedy +1 +1 +1 /m);
  expect(shown).toMatch(/^reader .* \+b -a /m);
  // It may not be where it lies: as it is it counts as left out.
  expect(plansText(problem, await comparePlans(problem), 'intelligent')).toMatch(
    /as it is: what is there would change/,
  );
});

test('the running mesh is read as the placer reads it: zones, pools, prices, pins, residency and links', () => {
  const version = digestOf('ocr v1');
  const replica = { id: 'r', model: 'ocr', version, state: 'ready', itemMs: 5 };
  const said = { kind: 'cuda:0', zone: 'b', pool: 'gold', pricePerHour: 1.5, speed: 2 };
  const beat = (shard: string, region: string, device: object): object => ({
    shard,
    region,
    state: 'ready',
    device: { kind: 'cpu', cores: 2, memoryBytes: 1e9, ...device },
    replicas: shard === 'a' ? [replica] : [],
  });
  const beats = [{ beat: beat('a', 'east', {}) }, { beat: beat('b', 'west', said) }] as never;
  const placement = { policy: 'user' as const, regions: ['east', 'west'], withinMs: 80 };
  const endpoint = { ...anEndpoint('ocr', { v1: 10_000 }), placement, pins: { ada: 'a' } };
  const resources = [{ name: 'model.onnx', bytes: 100 }];
  const models = [{ versions: [{ digest: version, resources, inputs: [], outputs: [] }] }] as never;
  const links = [
    { between: ['east', 'west'] as [string, string], class: 'dedicated' as const, latencyMs: 7 },
  ];
  const ratePerS = (_: string, region: string): number => (region === 'east' ? 7 : 0);
  const endpoints = [endpoint];
  const problem = runningProblem({ beats, endpoints, models, links, ratePerS });
  const placer = liveProblem({
    endpoints,
    links,
    ratePerS,
    memoryOf: () => 250,
    bytesOf: () => 0,
    shards: (beats as { beat: Parameters<typeof viewOf>[0] }[]).map((one) => viewOf(one.beat)),
    current: new Map([['a', [{ model: 'ocr', version }]]]),
    shares: () => ({ east: { east: 1 } }),
  });
  expect(problem).toEqual(placer);
  expect(PlacementProblem.parse(problem).shards[1]).toMatchObject({
    device: 'cuda:0',
    zone: 'b',
    pool: 'gold',
    pricePerHour: 1.5,
    speed: 2,
    holds: [],
  });
  expect(problem).toMatchObject({
    links: [{ class: 'dedicated', latencyMs: 7 }],
    endpoints: [
      {
        policy: 'user',
        withinMs: 80,
        memoryBytes: 250,
        groups: [
          { home: 'east', ratePerS: 7, regions: ['east', 'west'], now: { east: 1 } },
          { home: 'west', ratePerS: 0 },
          { pin: 'a', home: 'east' },
        ],
      },
    ],
  });
});
