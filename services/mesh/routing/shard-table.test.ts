import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BeatChanges, HEARTBEAT_STALE_MS, type Heartbeat } from '../../../contracts/heartbeat.js';
import { Breakers } from '../breaker.js';
import { seededRandom } from '../random.js';
import { NO_LINK, type ReplicaEntry } from './replica-entry.js';
import { ShardTable } from './shard-table.js';
import { aReplica } from '../testing/a-replica.js';
import { FakeClock } from '../testing/fake-clock.js';

const V = 'a'.repeat(64);
let breakers: Breakers;
let table: ShardTable;
let usable = 0;

beforeEach(() => {
  usable = 0;
  breakers = new Breakers(new FakeClock(), seededRandom(1));
  table = new ShardTable({ regions: ['east', 'west'], breakers, onUsable: () => usable++ });
  table.connected(0, true, 0);
  table.connected(1, true, 0);
});
afterEach(() => {
  table.close();
  breakers.close();
});

function beat(
  seq: number,
  more: Partial<Heartbeat> = {},
  epoch = 1,
  state: 'ready' | 'failed' | 'draining' = 'ready',
): Heartbeat {
  return {
    shard: 'shard-w',
    region: 'west',
    pid: 10,
    seq,
    state: 'ready',
    device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
    engines: [],
    replicas: [aReplica('r', { model: 'm', version: V, state, epoch })],
    ...more,
  };
}
const only = (): ReplicaEntry => {
  const [replica] = table.replicas(V);
  if (!replica) throw new Error('no replica');
  return replica;
};
function send(link = only().link): {
  lost: boolean;
  end: (end: 'succeeded' | 'unreachable' | 'full', now: number) => void;
} {
  const seen = { lost: false };
  const flight = only().begin(link, 0, (lost) => {
    seen.lost = true;
    lost.end('abandoned', 0);
  });
  return Object.assign(seen, {
    end: (end: 'succeeded' | 'unreachable' | 'full', now: number) => flight?.end(end, now),
  });
}

test('a replica is reached over the connection to its own region when it is heard there', () => {
  table.heard(0, beat(1), 0);
  expect(only().link).toBe(0);
  table.heard(1, beat(1), 1);
  expect(only().link).toBe(1);
  table.connected(1, false, 2);
  expect(only().link).toBe(0);
});

test('without heartbeats it is not fresh after a while, and what it held is lost', () => {
  table.heard(1, beat(1), 0);
  const flight = send();
  table.sweep(HEARTBEAT_STALE_MS - 1);
  expect([only().fresh, flight.lost]).toEqual([true, false]);
  table.sweep(HEARTBEAT_STALE_MS);
  expect([only().fresh, flight.lost]).toEqual([false, true]);
  expect(only().ready).toBe(true); // the last good table stays
});

test('a broken connection takes what went over it, and nothing else', () => {
  table.heard(0, beat(1), 0);
  table.heard(1, beat(1), 0);
  const [over0, over1] = [send(0), send(1)];
  table.connected(1, false, 5);
  expect([over0.lost, over1.lost]).toEqual([false, true]);
  over0.end('succeeded', 6);
});

test('after a connection comes back, its shards have time to be heard again', () => {
  table.connected(0, false, 0);
  table.heard(1, beat(1), 0);
  table.connected(1, false, 100);
  table.sweep(60_000);
  expect(only().fresh).toBe(false);
  table.connected(1, true, 60_000);
  table.sweep(60_001);
  expect(only().fresh).toBe(true);
  table.sweep(60_000 + HEARTBEAT_STALE_MS);
  expect(only().fresh).toBe(false);
});

test('another engine or another host process means that what was held is lost', () => {
  table.heard(1, beat(1), 0);
  const first = send();
  table.heard(1, beat(2, {}, 2), 1);
  expect(first.lost).toBe(true);
  const second = send();
  table.heard(1, beat(1, { pid: 11 }, 2), 2);
  expect(second.lost).toBe(true);
  table.heard(0, beat(9), 3); // late news of the life before
  table.heard(0, beat(0, { pid: 11 }), 3); // older news of this one
  expect(only().epoch).toBe(2);
});

test('a host that begins again under the same process number, as in a container, is a new life', () => {
  table.heard(1, beat(500), 0);
  const flight = send();
  table.heard(1, beat(1), 1);
  expect(flight.lost).toBe(true);
  table.heard(1, beat(5), 2);
  table.sweep(HEARTBEAT_STALE_MS + 2);
  const after = send(1);
  table.heard(1, beat(1), 5_000);
  expect([only().fresh, after.lost]).toEqual([true, true]);
});

test('where nobody answered, nobody is asked until the shard is heard there again, and others who wait are told', () => {
  table.heard(1, beat(1), 0);
  const [asked, waiting] = [send(), send()];
  asked.end('unreachable', 1);
  expect([only().link, waiting.lost]).toEqual([NO_LINK, true]);
  table.sweep(2);
  expect(only().fresh).toBe(false);
  table.heard(0, beat(1), 3); // heard over the other connection only
  expect(only().link).toBe(0);
  table.heard(1, beat(2), 4);
  expect(only().link).toBe(1);
});

test('a full replica counts as full until it says otherwise', () => {
  table.heard(1, beat(1), 0);
  send().end('full', 1);
  expect(only().inFlight).toBe(4);
  table.heard(1, beat(2), 2);
  expect(only().inFlight).toBe(0);
});

test('its own requests are not counted twice when it reports them', () => {
  table.heard(1, beat(1), 0);
  const flight = send();
  const report = beat(2).replicas.map((replica) => ({ ...replica, inFlight: 3 }));
  table.heard(1, beat(2, { replicas: report }), 1);
  expect(only().inFlight).toBe(3);
  flight.end('succeeded', 2);
  expect(only().inFlight).toBe(2);
});

test('a draining shard takes nothing new, and keeps what it has', () => {
  table.heard(1, beat(1), 0);
  const flight = send();
  table.heard(1, beat(2, { state: 'draining' }), 1);
  expect([only().ready, flight.lost]).toEqual([false, false]);
  flight.end('succeeded', 2);
});

test('a replica that left the report is gone', () => {
  table.heard(1, beat(1), 0);
  const flight = send();
  table.heard(1, beat(2, { replicas: [] }), 1);
  expect(table.replicas(V)).toEqual([]);
  expect(flight.lost).toBe(true);
});

test('a silent shard is forgotten at once when Consul says that it is gone, else after a minute', () => {
  table.heard(1, beat(1), 0);
  table.sweep(3_000, () => undefined);
  expect(table.shardNames()).toEqual(['shard-w']);
  table.sweep(3_100, () => false);
  expect(table.shardNames()).toEqual([]);
  table.heard(1, beat(1, { pid: 12 }), 4_000);
  table.sweep(4_001, () => false); // a lagging Consul does not kill who is heard
  expect(table.shardNames()).toEqual(['shard-w']);
  table.sweep(70_000);
  expect(table.shardNames()).toEqual([]);
});

test('who waits is told when a replica can be reached that could not before, and only then', () => {
  table.heard(1, beat(1), 0);
  expect(usable).toBe(1);
  table.heard(1, beat(2), 1);
  table.sweep(2);
  expect(usable).toBe(1);
  table.heard(1, beat(3, {}, 1, 'failed'), 3);
  table.heard(1, beat(4), 4);
  expect(usable).toBe(2);
});

test('a retry avoids the connection over which it ran out of time, when there is another', () => {
  table.heard(0, beat(1), 0);
  table.heard(1, beat(1), 0);
  expect(table.linkFor(only())).toBe(1);
  expect(table.linkFor(only(), 1)).toBe(0);
  table.connected(0, false, 1);
  expect(table.linkFor(only(), 1)).toBe(1);
});

function changes(seq: number, more: Partial<BeatChanges> = {}): BeatChanges {
  const { shard, region, pid, state, replicas } = beat(seq);
  return { shard, region, pid, seq, state, replicas, gone: [], ...more };
}

test('a replica that became ready between two beats is used at once, and one that went is used no more', () => {
  table.heard(0, beat(1, { replicas: [] }), 0);
  expect(table.replicas(V)).toEqual([]);
  table.changed(0, changes(2), 1);
  expect(only()).toMatchObject({ ready: true, link: 0 });
  expect(usable).toBe(1);
  table.changed(0, changes(3, { replicas: [], gone: ['r', 'somebody'] }), 2);
  expect(table.replicas(V)).toEqual([]);
});

test('changes of a life that no beat told of, or that a beat overtook, are passed over', () => {
  table.changed(0, changes(1), 0);
  expect(table.replicas(V)).toEqual([]);
  table.heard(0, beat(5), 0);
  table.changed(0, changes(4, { replicas: [], gone: ['r'] }), 1);
  table.changed(0, changes(6, { replicas: [], gone: ['r'], pid: 11 }), 1);
  expect(only().ready).toBe(true);
});

test('the same changes over a second connection count once, and say that the shard is heard there', () => {
  table.heard(0, beat(1, { replicas: [] }), 0);
  table.changed(0, changes(2), 1);
  const flight = send(0);
  table.changed(1, changes(2), 1);
  expect(only().link).toBe(1);
  expect(flight.lost).toBe(false);
});

test('what changes says nothing of the others: their load is as the last beat and our own requests have it', () => {
  const [one] = beat(1).replicas;
  if (!one) throw new Error('no replica');
  table.heard(0, beat(1, { replicas: [{ ...one, inFlight: 2 }] }), 0);
  const flight = send();
  table.changed(0, changes(2, { replicas: [{ ...one, id: 'other', version: 'b'.repeat(64) }] }), 1);
  expect(only().inFlight).toBe(3);
  flight.end('succeeded', 2);
  expect(only().inFlight).toBe(2);
});

test('a connection over which nobody answered counts again with the next beat, also with one that tells what changed alone', () => {
  table.heard(0, beat(1), 0);
  send().end('unreachable', 1);
  table.changed(0, changes(2, { replicas: [] }), 2);
  expect(only().fresh).toBe(false);
  table.changed(0, changes(3, { replicas: [], beat: true }), 3);
  expect(only().link).toBe(0);
});
