import { expect, test } from 'vitest';
import type { ReplicaCounters } from './engine-messages.js';
import { HeardCounters } from './heard-counters.js';

const counters = (id: string, served: number): ReplicaCounters => ({
  id,
  inFlight: 0,
  limit: 4,
  itemMs: 1,
  latencyMs: 1,
  batchMax: 1,
  served,
  failed: 0,
});

test('what was said stands until something else is said', () => {
  const heard = new HeardCounters();
  heard.changed([counters('a', 1), counters('b', 2)]);
  heard.changed([counters('b', 3)]);
  heard.changed([]);
  expect([heard.of('a')?.served, heard.of('b')?.served, heard.of('c')]).toEqual([1, 3, undefined]);
});

test('the last word of one that left is there once, and not for the one that comes under its name', () => {
  const heard = new HeardCounters();
  heard.changed([counters('a', 1), counters('b', 2)]);
  heard.left(counters('a', 5));
  expect(heard.of('a')?.served).toBe(5);
  heard.begins('a');
  heard.changed([]);
  expect(heard.of('a')).toBeUndefined();
  heard.left(counters('b', 7));
  heard.changed([]);
  expect(heard.of('b')).toBeUndefined();
});
