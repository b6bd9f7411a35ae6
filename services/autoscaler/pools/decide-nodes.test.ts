import { expect, test } from 'vitest';
import { decideNodes, type NodeSeen, type PoolSeen } from './decide-nodes.js';

const node = (name: string, more: Partial<NodeSeen> = {}): NodeSeen => ({
  name,
  heard: true,
  ageMs: 10_000,
  inFlight: 0,
  replicas: 1,
  leaving: false,
  ...more,
});
const seen = (more: Partial<PoolSeen> = {}): PoolSeen => ({
  wanted: 1,
  fixedShards: 1,
  nodes: [],
  nodesMax: 4,
  surplusMs: undefined,
  pauseMs: 0,
  ...more,
});

test('it asks for as many nodes as replicas lack shards, and never for more than the pool has', () => {
  expect(decideNodes(seen()).grow).toBe(0);
  expect(decideNodes(seen({ wanted: 3 })).grow).toBe(2);
  expect(decideNodes(seen({ wanted: 3, nodes: [node('a', { heard: false, ageMs: 10 })] })).grow).toBe(1);
  expect(decideNodes(seen({ wanted: 1_000 })).grow).toBe(4);
  expect(decideNodes(seen({ wanted: 1_000, nodes: [node('a', { leaving: true })] })).grow).toBe(3);
});

test('after a failed start it waits', () => {
  expect(decideNodes(seen({ wanted: 3, pauseMs: 500 })).grow).toBe(0);
});

test('a node that was asked for and never came is given up, and its place is free again', () => {
  const nodes = [node('a', { heard: false, ageMs: 200_000 })];
  expect(decideNodes(seen({ wanted: 5, nodes }))).toMatchObject({ lost: ['a'], grow: 4 });
});

test('what is too much goes after a while, one at a time, the emptiest first', () => {
  const nodes = [node('busy', { inFlight: 4 }), node('empty', { replicas: 0 })];
  expect(decideNodes(seen({ nodes })).release).toEqual([]);
  expect(decideNodes(seen({ nodes, surplusMs: 29_000 })).release).toEqual([]);
  expect(decideNodes(seen({ nodes, surplusMs: 31_000 })).release).toEqual(['empty']);
  const leaving = [...nodes, node('old', { leaving: true })];
  expect(decideNodes(seen({ nodes: leaving, surplusMs: 31_000 })).release).toEqual([]);
});
