import { expect, test } from 'vitest';
import { capacityOf } from './slots.js';

test('a model that gains by joint runs serves several at once, as long as a run keeps the objective', () => {
  const curve = [
    { rows: 1, run_ms: 10 },
    { rows: 4, run_ms: 20 },
    { rows: 16, run_ms: 60 },
  ];
  expect(capacityOf(curve, 5, 5)).toEqual({ serviceMs: 10, slots: 2 });
  expect(capacityOf(curve, 5, 12).slots).toBeCloseTo(16 / 6);
});

test('without a curve it is one server of what the heartbeat says', () => {
  expect(capacityOf([], 7, 5)).toEqual({ serviceMs: 7, slots: 1 });
});
