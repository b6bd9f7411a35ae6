import { expect, test } from 'vitest';
import { backoffMs, RESTART_BACKOFF } from './backoff.js';
import { seededRandom } from './random.js';

test('waits double up to the largest one', () => {
  const waits = [0, 1, 2, 3, 20, 10_000].map((again) => backoffMs(again, RESTART_BACKOFF, () => 0.5));
  expect(waits).toEqual([100, 200, 400, 800, 30_000, 30_000]);
});

test('jitter stays within its share to either side', () => {
  const random = seededRandom(5);
  const waits = Array.from({ length: 2_000 }, () => backoffMs(0, RESTART_BACKOFF, random));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(80);
  expect(Math.min(...waits)).toBeLessThan(81);
  expect(Math.max(...waits)).toBeLessThanOrEqual(120);
  expect(Math.max(...waits)).toBeGreaterThan(119);
});
