import { expect, test } from 'vitest';
import { type Arrival, replay, type Scaler } from './queue-simulator.js';

const fixed = (...wishes: number[]): Scaler => ({
  tickMs: 100,
  desired: (atMs) => wishes[Math.min(wishes.length - 1, atMs / 100)] ?? 1,
});
const load = (...arrivals: [atMs: number, serviceMs: number][]): Arrival[] =>
  arrivals.map(([atMs, serviceMs]) => ({ atMs, serviceMs }));
const options = { startMs: 200, slowdownMax: 2, initial: 1 };

test('one replica serves one after the other, and who waits too long is counted', () => {
  // The second waits 90 of its 100 ms, the third 190.
  const run = replay(load([0, 100], [10, 100], [10, 100], [1_000, 1]), fixed(1), options);
  expect(run).toMatchObject({ requests: 4, slow: 1, replicaMs: 1_000, reversals: 0 });
});

test('a replica costs from the wish for it, and helps when it has started', () => {
  const run = replay(load([0, 1_000], [0, 1_000], [400, 1]), fixed(2), options);
  expect(run).toMatchObject({ slow: 1, replicaMs: 800, most: 2 });
});

test('a replica that is to go ends its request first', () => {
  const run = replay(load([0, 400], [0, 400], [600, 1]), fixed(2, 2, 2, 1), options);
  // At 300 both are busy; one leaves when its request ends, at 400.
  expect(run).toMatchObject({ slow: 0, replicaMs: 2 * 400 + 200, reversals: 1 });
});
