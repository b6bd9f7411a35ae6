import { expect, test } from 'vitest';
import { rateAt, type Schedule } from './schedule.js';

const at = (schedule: Schedule, ...steps: number[]) => steps.map((step) => rateAt(schedule, step));

test('a cosine rises during warm-up, is highest after it and ends at its floor', () => {
  const schedule: Schedule = { kind: 'cosine', rate: 1, totalSteps: 12, warmupSteps: 2, floor: 0.1 };
  expect(at(schedule, 0, 1, 2)).toEqual([0.5, 1, 1]);
  expect(rateAt(schedule, 7)).toBeCloseTo(0.55);
  expect(at(schedule, 12, 99)).toEqual([0.1, 0.1]);
});

test('linear and stairs fall as they say', () => {
  expect(at({ kind: 'linear', rate: 2, totalSteps: 4 }, 0, 2, 4)).toEqual([2, 1, 0]);
  expect(at({ kind: 'stairs', rate: 8, everySteps: 3, factor: 0.5 }, 2, 3, 6)).toEqual([8, 4, 2]);
});
