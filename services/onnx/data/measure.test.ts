import { expect, test } from 'vitest';
import { Measured } from './measure.js';

test('figures are those that a hand calculation gives', () => {
  const measured = new Measured(['cat', 'dog', 'owl']);
  const rows = [
    [0.9, 0.1, 0, 0],
    [0.65, 0.35, 0, 1],
    [0.2, 0.8, 0, 1],
    [0.75, 0.25, 0, 0],
  ];
  // In two batches, as they come.
  for (const part of [rows.slice(0, 1), rows.slice(1)])
    measured.add(
      Float32Array.from(part.flatMap((row) => row.slice(0, 3))),
      Int32Array.from(part, (row) => row[3] ?? 0),
    );
  const summary = measured.summary();
  expect(summary).toMatchObject({ examples: 4, accuracy: 0.75 });
  expect(summary.loss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.35) + Math.log(0.8) + Math.log(0.75)) / 4, 5);
  expect(summary.confusion).toEqual([
    [2, 0, 0],
    [1, 1, 0],
    [0, 0, 0],
  ]);
  expect(summary.classes[0]).toMatchObject({ precision: 2 / 3, recall: 1 });
  // No owl was given or predicted: no number is invented.
  expect(summary.classes[2]).toEqual({ name: 'owl', examples: 0 });
  // Each example in a bin of its own: |1 - 0.9|, |0 - 0.65|, |1 - 0.8|, |1 - 0.75|.
  expect(summary.calibrationError).toBeCloseTo((0.1 + 0.65 + 0.2 + 0.25) / 4, 5);
});
