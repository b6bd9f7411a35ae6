import { beforeEach, expect, test } from 'vitest';
import { BeatChanges, HEARTBEAT_MS, Heartbeat, type ReplicaReport } from '../../contracts/heartbeat.js';
import type { Bus } from '../mesh/bus.js';
import { aReplica } from '../mesh/testing/a-replica.js';
import { FakeClock } from '../mesh/testing/fake-clock.js';
import { Heartbeats, type Pulse } from './heartbeats.js';

let clock: FakeClock;
let pulse: Pulse;
let connected: boolean;
let said: { whole: Heartbeat[]; changes: BeatChanges[] };
let heartbeats: Heartbeats;
beforeEach(() => {
  clock = new FakeClock();
  connected = true;
  said = { whole: [], changes: [] };
  pulse = {
    shard: 'shard-a',
    region: 'east',
    state: 'ready',
    device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
    engines: [{ pid: 1, state: 'ready', rssBytes: 1, replicas: [] }],
    replicas: [aReplica('a'), aReplica('b', { state: 'loading' })],
  };
  const publish = (subject: string, text: string): void => {
    const body: unknown = JSON.parse(text);
    if (subject === 'massif.heartbeat.east.shard-a') said.whole.push(Heartbeat.parse(body));
    if (subject === 'massif.changes.east.shard-a') said.changes.push(BeatChanges.parse(body));
  };
  const bus = { connected: () => connected, nc: { isDraining: () => false, publish } };
  heartbeats = new Heartbeats(bus as unknown as Pick<Bus, 'nc' | 'connected'>, clock, {
    shard: () => pulse,
    replicas: () => pulse.replicas,
    replica: (id) => pulse.replicas.find((one) => one.id === id),
  });
  heartbeats.start();
});

const moment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function change(next: Partial<Pulse>): Promise<void> {
  for (const { id } of [...pulse.replicas, ...(next.replicas ?? [])]) heartbeats.changed(id);
  pulse = { ...pulse, ...next };
  heartbeats.changed();
  await moment();
}

test('a replica that changes is told at once and alone, in the order of the beats', async () => {
  await change({ replicas: [aReplica('a', { served: 5 }), aReplica('b')] });
  expect(said.changes.map(({ replicas, gone }) => [replicas.map(({ id }) => id), gone])).toEqual([
    [['b'], []],
  ]);
  await change({ replicas: [aReplica('b')] });
  expect(said.changes[1]).toMatchObject({ replicas: [], gone: ['a'] });
  await clock.advance(HEARTBEAT_MS);
  expect(said.whole).toHaveLength(2);
  expect([...said.whole, ...said.changes].map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual([
    1, 2, 3, 4,
  ]);
  expect(said.whole[1]?.seq).toBe(4);
});

test('what only counts is no news before the next beat', async () => {
  await change({
    replicas: [aReplica('a', { served: 5, inFlight: 2, latencyMs: 9 }), pulse.replicas[1] as ReplicaReport],
  });
  expect(said.changes).toEqual([]);
  await clock.advance(HEARTBEAT_MS);
  expect(said.whole[1]?.replicas[0]).toMatchObject({ served: 5, inFlight: 2 });
});

test('of the shard itself and of engines all is told', async () => {
  await change({ state: 'draining' });
  await change({ engines: [{ pid: 2, state: 'ready', rssBytes: 1, replicas: [] }] });
  expect(said.whole).toHaveLength(3);
  expect(said.changes).toEqual([]);
});

test('what could not be told while the connection was down is in the next beat', async () => {
  connected = false;
  await change({ replicas: [aReplica('a')] });
  connected = true;
  await clock.advance(HEARTBEAT_MS);
  expect(said.whole[1]?.replicas.map(({ id }) => id)).toEqual(['a']);
  await change({ replicas: [aReplica('a'), aReplica('c')] });
  expect(said.changes[0]?.replicas.map(({ id }) => id)).toEqual(['c']);
});

test('of many replicas most beats tell those that changed at all, and one in four tells all', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `r${i}`);
  await change({ replicas: ids.map((id) => aReplica(id)) });
  await clock.advance(4 * HEARTBEAT_MS);
  const [first, ...beats] = [...said.whole, ...said.changes];
  expect(first?.replicas).toHaveLength(2);
  expect(beats.toSorted((a, b) => a.seq - b.seq).map(({ replicas }) => replicas.length)).toEqual([
    100, 0, 0, 0, 100,
  ]);
  pulse = { ...pulse, replicas: ids.slice(1).map((id) => aReplica(id, id === 'r7' ? { served: 1 } : {})) };
  await clock.advance(HEARTBEAT_MS);
  const last = said.changes.at(-1);
  expect(last).toMatchObject({ beat: true, gone: ['r0'] });
  expect(last?.replicas.map(({ id, served }) => [id, served])).toEqual([['r7', 1]]);
});

test('who may have missed something while the connection was down is told all', async () => {
  await change({ replicas: Array.from({ length: 100 }, (_, i) => aReplica(`r${i}`)) });
  await clock.advance(4 * HEARTBEAT_MS);
  connected = false;
  await clock.advance(HEARTBEAT_MS);
  connected = true;
  await clock.advance(HEARTBEAT_MS);
  expect(said.whole.map(({ replicas }) => replicas.length)).toEqual([2, 100, 100]);
});
