import { expect, test } from 'vitest';
import { decideNodes, type NodeSeen, type PoolSeen } from './decide-nodes.js';

const node = (name: string, more: Partial<NodeSeen> = {}): NodeSeen => ({
  name,
  state: 'there',
  heard: true,
  ageMs: 10_000,
  inFlight: 0,
  replicas: 1,
  leaving: false,
  ...more,
});
const seen = (more: Partial<PoolSeen> = {}): PoolSeen => ({
  wanted: 0,
  jobs: 0,
  nodes: [],
  nodesMax: 4,
  surplusMs: undefined,
  pauseMs: 0,
  ...more,
});

test('it asks for as many nodes as replicas lack shards, and never for more than the pool has', () => {
  expect(decideNodes(seen()).grow).toBe(0);
  expect(decideNodes(seen({ wanted: 2 })).grow).toBe(2);
  expect(decideNodes(seen({ wanted: 2, nodes: [node('a', { heard: false, ageMs: 10 })] })).grow).toBe(1);
  expect(decideNodes(seen({ wanted: 1_000 })).grow).toBe(4);
  expect(decideNodes(seen({ wanted: 1_000, nodes: [node('a', { leaving: true })] })).grow).toBe(3);
  expect(decideNodes(seen({ wanted: 1_000, jobs: 3 })).grow).toBe(1);
});

test('after a failed start it waits', () => {
  expect(decideNodes(seen({ wanted: 2, pauseMs: 500 })).grow).toBe(0);
});

test('a node that was asked for and never came is given up, and its place is free again', () => {
  const nodes = [node('a', { heard: false, ageMs: 200_000 })];
  expect(decideNodes(seen({ wanted: 4, nodes }))).toMatchObject({ lost: ['a'], grow: 4 });
});

test('what is too much goes after a while, one at a time, the emptiest first', () => {
  const nodes = [node('busy', { inFlight: 4 }), node('empty', { replicas: 0 })];
  expect(decideNodes(seen({ nodes })).release).toEqual([]);
  expect(decideNodes(seen({ nodes, surplusMs: 29_000 })).release).toEqual([]);
  expect(decideNodes(seen({ nodes, surplusMs: 31_000 })).release).toEqual(['empty']);
  const leaving = [...nodes, node('old', { leaving: true })];
  expect(decideNodes(seen({ nodes: leaving, surplusMs: 31_000 })).release).toEqual([]);
});

test('a node that waits in a queue is not given up, however long, and goes first when fewer would do', () => {
  const queued = node('late', { state: 'queued', heard: false, ageMs: 9_000_000, replicas: 0 });
  expect(decideNodes(seen({ wanted: 1, nodes: [queued] }))).toMatchObject({ lost: [], grow: 0 });
  const nodes = [node('idle', { replicas: 0, ageMs: 1 }), queued];
  expect(decideNodes(seen({ wanted: 1, nodes, surplusMs: 31_000 })).release).toEqual(['late']);
});

test('a node whose time is up goes when another is heard in its place', () => {
  const old = node('old', { state: 'ending' });
  const fresh = node('fresh', { heard: false });
  expect(decideNodes(seen({ wanted: 1, nodes: [old] }))).toMatchObject({ grow: 1, release: [] });
  expect(decideNodes(seen({ wanted: 1, nodes: [old, fresh] }))).toMatchObject({ grow: 0, release: [] });
  const nodes = [old, { ...fresh, heard: true }];
  expect(decideNodes(seen({ wanted: 1, nodes }))).toMatchObject({ grow: 0, release: ['old'] });
});

test('a node whose time is up goes without another where the pool has no room for one', () => {
  const nodes = [node('old', { state: 'ending' })];
  expect(decideNodes(seen({ wanted: 1, nodes, nodesMax: 1 }))).toMatchObject({ grow: 0, release: ['old'] });
});
