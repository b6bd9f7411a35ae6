import { expect, test } from 'vitest';
import { afterwards, randomInstance } from '../../../bench/peers/placement-instances.js';
import { PlacementProblem } from '../../../contracts/placement.js';
import { seededRandom } from '../random.js';
import { leftOutCost } from './objective.js';
import { planNow, planWell } from './plan.js';
import { settingOf } from './setting.js';
import { costAsIs, stayingOf } from './staying.js';

const GIB = 2 ** 30;
type Input = Parameters<typeof PlacementProblem.parse>[0];

const shard = (id: string, holds: readonly string[] = [], gib = 8) => ({
  id,
  region: id.split('-')[0],
  memoryBytes: gib * GIB,
  pricePerHour: 1,
  device: 'cpu',
  holds,
});
const endpoint = (name: string, ratePerS: number) => ({
  name,
  memoryBytes: GIB,
  runs: { cpu: { serviceMs: 10, ratePerS: 100 } },
  groups: [{ name: 'users', home: 'east', ratePerS, now: { east: 1 } }],
});
const settingFor = (shards: object[], endpoints: object[]) =>
  settingOf(PlacementProblem.parse({ shards, endpoints, links: [] } as Input));

test('who has enough replicas stays with those that it needs, and costs what all of them cost', () => {
  const two = settingFor([shard('east-1', ['e']), shard('east-2', ['e'])], [endpoint('e', 10)]);
  const one = settingFor([shard('east-1', ['e']), shard('east-2')], [endpoint('e', 10)]);
  const staying = stayingOf(two.endpoints[0] ?? expect.fail());
  expect([...(staying?.choice?.replicas ?? [])]).toEqual([[0, 1]]);
  expect([...(staying?.asIs?.replicas ?? [])]).toEqual([[0, 2]]);
  expect(costAsIs(two)).toBeGreaterThan(costAsIs(one) ?? Number.POSITIVE_INFINITY);
});

test('who has too few replicas counts as left out, and so does who lies nowhere', () => {
  const grown = settingFor(
    [shard('east-1', ['e']), shard('east-2')],
    [endpoint('e', 120), endpoint('new', 1)],
  );
  const [e, fresh] = grown.endpoints;
  if (!e || !fresh) expect.fail();
  expect(stayingOf(e)).toEqual({ choice: undefined, asIs: undefined });
  expect(stayingOf(fresh)).toBeUndefined();
  expect(costAsIs(grown)).toBeCloseTo(leftOutCost(e) + leftOutCost(fresh), 9);
});

test('who is pinned to a shard does not stay on another', () => {
  const pinned = {
    ...endpoint('e', 10),
    groups: [{ name: 'ada', home: 'east', ratePerS: 10, pin: 'east-2' }],
  };
  const on = (id: string) => {
    const shards = ['east-1', 'east-2'].map((one) => shard(one, one === id ? ['e'] : []));
    const [e] = settingFor(shards, [pinned]).endpoints;
    return stayingOf(e ?? expect.fail())?.asIs;
  };
  expect(on('east-1')).toBeUndefined();
  expect([...(on('east-2')?.replicas ?? [])]).toEqual([[0, 1]]);
});

test('devices that are too busy or too full as it is are no way to go on', () => {
  const both = ['a', 'b'];
  const at = (ratePerS: number, gib?: number) =>
    costAsIs(settingFor([shard('east-1', both, gib)], [endpoint('a', ratePerS), endpoint('b', ratePerS)]));
  // Of 70 that are planned, 73 may be.
  expect(at(36)).toBeGreaterThan(0);
  expect(at(38)).toBeUndefined();
  expect(at(30, 2)).toBeUndefined();
});

test('a plan made again for the same demand begins with itself: what there is costs what was planned, and what follows no more', async () => {
  const size = { regions: 4, shards: 12, endpoints: 50, fill: 0.85, heat: 0.6 };
  const problem = randomInstance(seededRandom(11), size);
  const solved = await planWell(problem, { seconds: 1.5, gap: 0.002 });
  const again = planNow(
    afterwards(problem, solved, () => 0.5),
    'intelligent',
  );
  expect(again.asIs).toBeLessThanOrEqual(solved.objective * (1 + 1e-6));
  expect(again.objective).toBeLessThanOrEqual((again.asIs ?? expect.fail()) + 1e-6);
  expect(planNow(problem, 'intelligent').objective).toBeGreaterThan(solved.objective);
});
