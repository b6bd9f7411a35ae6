import { expect, test } from 'vitest';
import { PRIORITY_DEFAULT } from '../../../contracts/headers.js';
import { seededRandom } from '../random.js';
import { chooseReplica } from './replica-choice.js';
import { loadOfRegion, spillShare } from './spill.js';
import type { ReplicaView } from './tier.js';

const replica = (id: string, region: string, more: Partial<ReplicaView> = {}): ReplicaView => ({
  id,
  shard: id,
  region,
  version: 'v',
  ready: true,
  fresh: true,
  inFlight: 0,
  capacity: 20,
  latencyMs: 2,
  blocked: false,
  penalty: 0,
  ...more,
});
const KM: Record<string, number> = { west: 20, south: 21, far: 90 };
const here = { region: 'east', distanceMs: (region: string) => KM[region] ?? 0 };

/** How often each region is chosen, of a thousand. */
function drawn(replicas: readonly ReplicaView[], users = false): Record<string, number> {
  const random = seededRandom(7);
  const counts: Record<string, number> = {};
  for (let i = 0; i < 1_000; i++) {
    const request = users ? { user: `u${i}` } : {};
    const region = chooseReplica(replicas, here, request, random)?.region ?? 'nobody';
    counts[region] = (counts[region] ?? 0) + 1;
  }
  return counts;
}
const east = (...inFlight: number[]) => inFlight.map((n, i) => replica(`e${i}`, 'east', { inFlight: n }));

test('nothing leaves a region up to 85 % of its load, half in the middle of the rest, all when it is full', () => {
  expect([0, 0.5, 0.85].map(spillShare)).toEqual([0, 0, 0]);
  expect(spillShare(0.925)).toBeCloseTo(0.5);
  expect(spillShare(1)).toBe(1);
});

test('the rest goes to another region before the own one is full, and none of it before that is due', () => {
  const west = replica('w', 'west');
  expect(drawn([...east(17, 17), west])).toEqual({ east: 1_000 });
  const { west: spilled = 0 } = drawn([...east(18, 19), west]); // 0.925
  expect(Math.abs(spilled - 500)).toBeLessThan(60);
  expect(drawn([...east(20, 20), west])).toEqual({ west: 1_000 });
});

test('a replica that is not busy keeps its region from being left, however busy the others are', () => {
  expect(drawn([...east(20, 20, 20, 3), replica('w', 'west')])).toEqual({ east: 1_000 });
});

test('nobody is sent to a region without room: two busy regions do not swap their work', () => {
  expect(drawn([...east(19), replica('w', 'west', { inFlight: 14 })])).toEqual({ east: 1_000 });
});

test('the nearest region with room is meant; one that is as near as makes no difference shares', () => {
  const away = [replica('w', 'west'), replica('f', 'far'), replica('s', 'south')];
  const spread = drawn([...east(20), ...away]);
  expect(Object.keys(spread).toSorted()).toEqual(['south', 'west']);
  const [w, f] = [replica('w', 'west', { inFlight: 15 }), replica('f', 'far')];
  expect(drawn([...east(20), w, f])).toEqual({ far: 1_000 });
});

test('where no region has room, whoever can still take it does', () => {
  expect(drawn([...east(20), replica('w', 'west', { inFlight: 18 })])).toEqual({ west: 1_000 });
});

test('the same users leave, whatever the dice say, and more of them the fuller it is', () => {
  const west = replica('w', 'west');
  const gone = (load: number) =>
    Array.from({ length: 500 }, (_, i) => `u${i}`).filter(
      (user) => chooseReplica([...east(load, load), west], here, { user }, Math.random)?.region === 'west',
    );
  const [some, more] = [gone(18), gone(19)];
  expect(some.length).toBeGreaterThan(100);
  expect(more.length).toBeGreaterThan(some.length);
  expect(more).toEqual(expect.arrayContaining(some));
  expect(gone(18)).toEqual(some);
});

test('what a limit below the capacity allows is all the room there is; who may wait finds it full earlier', () => {
  const limited = [replica('e', 'east', { inFlight: 9, own: 9, limit: 10 })];
  expect(loadOfRegion(limited, 'east')).toBeCloseTo(0.9);
  expect(loadOfRegion(east(10), 'east', { priority: PRIORITY_DEFAULT + 1 })).toBe(1);
  expect(loadOfRegion(east(10), 'east')).toBe(0.5);
});

test('replicas that do not answer are no room', () => {
  const dead = [
    replica('a', 'west', { ready: false }),
    replica('b', 'west', { fresh: false }),
    replica('c', 'west', { blocked: true }),
  ];
  expect(loadOfRegion(dead, 'west')).toBe(1);
});

test('among many shards a busy region is left as well', () => {
  const many = Array.from({ length: 100 }, (_, i) => replica(`e${i}`, 'east', { inFlight: 18 }));
  const { west = 0 } = drawn([...many, replica('w', 'west')]); // 0.9
  expect(Math.abs(west - 333)).toBeLessThan(60);
});
