import { expect, test } from 'vitest';
import { decideBatchMax } from './batch-max.js';

const timings = (...runMs: number[]) => runMs.map((ms, i) => ({ size: 2 ** i, runMs: ms }));

test('a model whose run costs the same for any batch takes the largest', () => {
  expect(decideBatchMax(timings(1, 1, 1, 1, 1, 1))).toBe(32);
});

test('a model that pays per item, as convolutions do, keeps to single requests', () => {
  expect(decideBatchMax(timings(0.81, 1.6, 3.05, 7.4, 18, 40))).toBe(1);
});

test('a batch that gains less than the noise is not taken', () => {
  expect(decideBatchMax(timings(1, 1.9, 3.6))).toBe(1);
});

test('the gain is measured against the best smaller batch, so a slow size in between stops nothing', () => {
  expect(decideBatchMax(timings(1, 2.2, 1.6, 3.2, 6.4, 12.8))).toBe(4);
});

test('without timings a request runs alone', () => {
  expect(decideBatchMax([])).toBe(1);
});
