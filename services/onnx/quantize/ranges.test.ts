import { expect, test } from 'vitest';
import { seeded } from '../seeded.js';
import { affineOf, quantized, roundEven, signed, symmetricScale, UINT8 } from './affine.js';
import { rangeOf } from './calibrators.js';
import { Histogram } from './histogram.js';

test('halves round to the even neighbour', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.49].map(roundEven)).toEqual([0, 2, 2, 0, -2, 2]);
});

test('zero is exact in every range, and a range of nothing has scale 1', () => {
  for (const range of [
    { lowest: -1, highest: 3 },
    { lowest: 2, highest: 5 },
    { lowest: -7, highest: -1 },
  ]) {
    const affine = affineOf(range, UINT8);
    expect(quantized(0, affine, UINT8)).toBe(affine.zero);
  }
  expect(affineOf({ lowest: 0, highest: 0 }, UINT8)).toEqual({ scale: 1, zero: 0 });
});

test('fixed-point scales are powers of two that clip nothing, with zero in the middle', () => {
  const affine = affineOf({ lowest: -1, highest: 0.9 }, UINT8, 'powerOfTwo');
  expect(affine).toEqual({ scale: 2 ** -6, zero: 128 });
  expect(symmetricScale(1, signed(8), 'powerOfTwo')).toBe(2 ** -6);
  expect(symmetricScale(1, signed(16), 'powerOfTwo')).toBe(2 ** -14);
});

test('a histogram keeps its size and loses no value when its reach grows', () => {
  const histogram = new Histogram();
  for (let i = 0; i < 12; i++) histogram.add(Float32Array.of(2 ** i, -(2 ** i) / 3, 0));
  expect(histogram.range).toEqual({ lowest: Math.fround(-2048 / 3), highest: 2048 });
  expect(histogram.bins.length).toBe(2_048);
  expect(histogram.bins.reduce((a, b) => a + b, 0)).toBe(histogram.count);
});

test('a value that is no number is refused and counted nowhere', () => {
  const histogram = new Histogram();
  expect(histogram.add(Float32Array.of(1, Number.NaN))).toBe(false);
  expect(histogram.add(Float32Array.of(1, Infinity))).toBe(false);
  expect(histogram.count).toBe(0);
});

test('one outlier in a hundred thousand decides minMax, and not what goes by how many values lie where', () => {
  const histogram = new Histogram();
  for (let i = 0; i < 10; i++) histogram.add(seeded(i).normals(10_000, 1));
  histogram.add(Float32Array.of(100));
  expect(rangeOf(histogram, 'minMax').highest).toBe(100);
  for (const calibrator of ['percentile', 'entropy'] as const) {
    const { lowest, highest } = rangeOf(histogram, calibrator);
    expect(highest, calibrator).toBeLessThan(20);
    expect(highest, calibrator).toBeGreaterThan(2);
    expect(lowest, calibrator).toBeLessThan(-2);
  }
});

test('the range of the least squares is the best of those tried by hand', () => {
  const values = seeded(2).normals(20_000, 1);
  values[0] = 40;
  const histogram = new Histogram();
  histogram.add(values);
  const error = (highest: number): number => {
    const affine = affineOf({ lowest: -highest, highest }, UINT8);
    const apart = values.map(
      (value) => ((quantized(value, affine, UINT8) - affine.zero) * affine.scale - value) ** 2,
    );
    return apart.reduce((a, b) => a + b, 0);
  };
  const found = error(rangeOf(histogram, 'squares').highest);
  for (const highest of [2, 3, 6, 10, 20, 40]) expect(error(highest)).toBeGreaterThan(0.95 * found);
});
