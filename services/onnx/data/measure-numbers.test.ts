import { expect, test } from 'vitest';
import { MeasuredNumbers } from './measure-numbers.js';

const target = { name: 'length', mean: 2, deviation: 2 };

test('figures are those that a hand calculation gives, in the unit of the target', () => {
  const measured = new MeasuredNumbers(target, 'squares', 4);
  // In two batches, as they come. Errors 1, 0, 1, 4; the targets lie 3, 1, 1, 3 from their mean, 4.
  measured.add(Float32Array.of(2), Float32Array.of(1));
  measured.add(Float32Array.of(3, 4, 11), Float32Array.of(3, 5, 7));
  const summary = measured.summary();
  expect(summary).toMatchObject({ task: 'regression', examples: 4, meanAbsoluteError: 1.5, largestError: 4 });
  expect(summary.rootMeanSquareError).toBeCloseTo(Math.sqrt(18 / 4));
  expect(summary.r2).toBeCloseTo(1 - 18 / 20);
  expect(summary.loss).toBeCloseTo((0.25 + 0 + 0.25 + 4) / 4);
  expect(summary.points).toHaveLength(4);
});

test('with Huber’s loss errors beyond a deviation count by their size', () => {
  const measured = new MeasuredNumbers(target, 'huber', 2);
  measured.add(Float32Array.of(1, 8), Float32Array.of(2, 2));
  expect(measured.loss).toBeCloseTo((0.5 ** 2 / 2 + (3 - 0.5)) / 2);
});

test('where all targets are equal there is no R2', () => {
  const measured = new MeasuredNumbers(target, 'squares', 2);
  measured.add(Float32Array.of(1, 2), Float32Array.of(5, 5));
  expect(measured.quality).toEqual({});
});

test('of many examples some hundred points are kept, evenly drawn', () => {
  const measured = new MeasuredNumbers(target, 'squares', 10_000);
  for (let i = 0; i < 10; i++)
    measured.add(
      new Float32Array(1_000),
      Float32Array.from({ length: 1_000 }, (_, at) => 1_000 * i + at),
    );
  const { points } = measured.summary();
  expect(points).toHaveLength(400);
  expect(points.at(-1)?.given).toBeGreaterThan(9_900);
});
