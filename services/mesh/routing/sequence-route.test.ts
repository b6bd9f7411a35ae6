import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { seededRandom } from '../random.js';
import { type ReplicaView, route, type RouteTable } from './route.js';
import { SequenceSeats } from './sequence-seats.js';
import { afterTrouble } from '../calls/sequence-trouble.js';

const digest = (digit: string) => digit.repeat(64);
const endpoint: EndpointRecord = {
  name: 'vad',
  model: 'vad',
  variants: [
    { version: digest('a'), label: '1', weight: 9_000 },
    { version: digest('b'), label: '2', weight: 1_000 },
  ],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 2,
  timeoutMs: 1_000,
  stateful: true,
  updatedAt: '2026-01-01T00:00:00Z',
};
const view = (shard: string, version: string, more: Partial<ReplicaView> = {}): ReplicaView => ({
  id: `${shard}_${version[0]}`,
  shard,
  region: 'east',
  version,
  ready: true,
  fresh: true,
  inFlight: 0,
  capacity: 9,
  latencyMs: 1,
  blocked: false,
  penalty: 0,
  ...more,
});
const shards = ['s1', 's2', 's3', 's4'];
const all = (more: (shard: string) => Partial<ReplicaView> = () => ({})) =>
  ['a', 'b'].flatMap((digit) => shards.map((shard) => view(shard, digest(digit), more(shard))));
const table = (replicas: ReplicaView[], last?: string): RouteTable => ({
  region: 'east',
  endpoint: () => endpoint,
  replicas: (version) => replicas.filter((replica) => replica.version === version),
  seat: () => last,
});
const random = seededRandom(1);
const ask = (on: RouteTable, id: string, start: boolean, exclude: ReadonlySet<string> = new Set()) =>
  route(on, { endpoint: 'vad', sequence: { id, start, end: false }, exclude }, random);
const replicaOf = (decision: ReturnType<typeof route>) =>
  decision.kind === 'replica' ? decision.replica.id : decision.code;

test('the first step goes by weights, the same sequence always to the same version', () => {
  const on = table(all());
  const ids = Array.from({ length: 2_000 }, (_, i) => `call-${i}`);
  const firsts = ids.map((id) => replicaOf(ask(on, id, true)));
  expect(ids.map((id) => replicaOf(ask(on, id, true)))).toEqual(firsts);
  const canary = firsts.filter((id) => id.endsWith('_b')).length;
  expect(canary).toBeGreaterThan(140);
  expect(canary).toBeLessThan(270);
});

test('a replica with many open sequences gets no new ones', () => {
  const on = table(all((shard) => ({ sequences: shard === 's1' ? 500 : 10 })));
  const firsts = new Set(Array.from({ length: 200 }, (_, i) => replicaOf(ask(on, `c${i}`, true))));
  expect([...firsts].some((id) => id.startsWith('s1'))).toBe(false);
});

test('a step goes to whoever had the sequence last, also while that one leaves', () => {
  const leaving = all((shard) => (shard === 's2' ? { ready: false, leaving: true } : {}));
  expect(replicaOf(ask(table(leaving, 's2_b'), 'c', false))).toBe('s2_b');
});

test('who knows nothing asks every replica of every version once, the seat of the first step first of its version', () => {
  const on = table(all());
  for (const id of ['x', 'y', 'z']) {
    const first = replicaOf(ask(on, id, true));
    const asked = new Set<string>();
    const order: string[] = [];
    for (let next = replicaOf(ask(on, id, false)); next !== 'SEQUENCE_LOST';) {
      order.push(next);
      asked.add(next);
      next = replicaOf(ask(on, id, false, asked));
    }
    expect(order).toHaveLength(8);
    expect(order.find((replica) => replica.at(-1) === first.at(-1))).toBe(first);
  }
});

test('a replica whose breaker is closed to us may have the sequence: that is no loss', () => {
  const on = table([view('s1', digest('a'), { blocked: true })]);
  expect(replicaOf(ask(on, 'c', false))).toBe('BREAKER_OPEN');
});

test('a step is asked again only where it cannot run twice', () => {
  const start = { id: 'a', start: true, end: false };
  const step = { id: 'a', start: false, end: false };
  expect(afterTrouble(step, 'SEQUENCE_ELSEWHERE', 'failed')).toBe('next');
  expect(afterTrouble(start, 'REPLICA_LOST', 'abandoned')).toBe('fail');
  expect(afterTrouble(step, 'REPLICA_LOST', 'abandoned')).toBe('again');
  expect(afterTrouble(start, 'MAILBOX_FULL', 'full')).toBe('next');
  expect(afterTrouble(step, 'MAILBOX_FULL', 'full')).toBe('again');
  expect(afterTrouble(step, 'ENGINE_FAILED', 'failed')).toBe('fail');
});

test('the memory of seats has an end, and an ended sequence has none', () => {
  const seats = new SequenceSeats(2);
  for (const id of ['a', 'b', 'c']) seats.seen('vad', { id, end: false }, `on-${id}`);
  expect(seats.get('vad', 'a')).toBeUndefined();
  expect(seats.get('vad', 'c')).toBe('on-c');
  seats.seen('vad', { id: 'c', end: true }, 'on-c');
  expect(seats.get('vad', 'c')).toBeUndefined();
});
