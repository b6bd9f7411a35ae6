import { expect, test } from 'vitest';
import { helperThreads } from './helper-threads.js';

test.each([
  [1, 1],
  [2, 1],
  [4, 3],
  [64, 4],
])('on %i cores a process has %i threads beside its loop', (cores, threads) => {
  expect(helperThreads(cores)).toBe(`--v8-pool-size=${threads}`);
});
