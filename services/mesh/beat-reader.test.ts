import { expect, test } from 'vitest';
import type { BeatChanges, Heartbeat, ReplicaReport } from '../../contracts/heartbeat.js';
import { BeatReader } from './beat-reader.js';
import { aReplica } from './testing/a-replica.js';

const replica = (id: string, state: ReplicaReport['state'], served = 0): ReplicaReport =>
  aReplica(id, { version: id.repeat(64).slice(0, 64), state, served });

const beat = (seq: number, replicas: ReplicaReport[], pid = 10): string => {
  const heartbeat: Heartbeat = {
    shard: 'shard-a',
    region: 'east',
    pid,
    seq,
    state: 'ready',
    device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
    engines: [],
    replicas,
  };
  return JSON.stringify(heartbeat);
};

const changes = (seq: number, replicas: ReplicaReport[], gone: string[] = [], pid = 10): string => {
  const told: BeatChanges = { shard: 'shard-a', region: 'east', pid, seq, state: 'ready', replicas, gone };
  return JSON.stringify(told);
};

const states = (heard: Heartbeat | undefined): unknown => heard?.replicas.map(({ id, state }) => [id, state]);

test('what changed is told as a whole beat with the rest as it was', () => {
  const reader = new BeatReader();
  reader.beat(beat(1, [replica('a', 'ready', 7), replica('b', 'loading'), replica('c', 'ready')]));
  const heard = reader.changes(changes(2, [replica('b', 'ready'), replica('d', 'loading')], ['c']));
  expect(states(heard)).toEqual([
    ['a', 'ready'],
    ['b', 'ready'],
    ['d', 'loading'],
  ]);
  expect(heard).toMatchObject({ seq: 2, device: { kind: 'cpu' } });
  expect(heard?.replicas[0]?.served).toBe(7);
  expect(states(reader.changes(changes(3, [replica('d', 'ready')])))).toContainEqual(['d', 'ready']);
});

test('changes without a beat before, of another life, or overtaken by a beat say nothing', () => {
  const reader = new BeatReader();
  expect(reader.changes(changes(1, [replica('a', 'ready')]))).toBeUndefined();
  reader.beat(beat(5, [replica('a', 'ready')]));
  expect(reader.changes(changes(4, [], ['a']))).toBeUndefined();
  expect(reader.changes(changes(6, [], ['a'], 11))).toBeUndefined();
  expect(states(reader.changes(changes(6, [], ['a'])))).toEqual([]);
});

test('what is not of the agreed form is passed over', () => {
  const reader = new BeatReader();
  expect(reader.beat('{')).toBeUndefined();
  expect(reader.beat('{"shard":"shard-a"}')).toBeUndefined();
  reader.beat(beat(1, [replica('a', 'ready')]));
  expect(reader.changes('[]')).toBeUndefined();
  expect(states(reader.changes(changes(2, [])))).toEqual([['a', 'ready']]);
});
