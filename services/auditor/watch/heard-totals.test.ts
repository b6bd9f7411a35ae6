import { expect, test } from 'vitest';
import { HeardTotals } from './heard-totals.js';

test('what was answered before this auditor began, or in a report that was lost, is counted by the next report of that life', () => {
  const heard = new HeardTotals();
  const missed = (life: string, answered: number, total: number) =>
    heard.missedBefore({ life, answered, total });
  expect(missed('a', 10, 10)).toBe(0);
  expect(missed('a', 5, 15)).toBe(0);
  expect(missed('a', 5, 40)).toBe(20);
  expect(missed('b', 5, 105)).toBe(100);
  expect(missed('a', 1, 41)).toBe(0);
});
