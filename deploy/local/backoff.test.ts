import { expect, test } from 'vitest';
import { backoffMs, deathsInARow } from './backoff.js';

test('a process that keeps dying waits longer each time, up to five seconds', () => {
  expect([1, 2, 3, 6, 7, 60].map(backoffMs)).toEqual([100, 200, 400, 3_200, 5_000, 5_000]);
});

test('ten seconds of life forgive the deaths before', () => {
  expect(deathsInARow(4, 9_999)).toBe(5);
  expect(deathsInARow(4, 10_000)).toBe(1);
});
