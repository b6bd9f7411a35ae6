import { expect, test } from 'vitest';
import { ctcTexts } from './ctc.js';
import type { Tensor } from './tensor.js';

const steps = (classes: number, ...rows: number[][]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape: [rows.length, rows[0]?.length ?? 0, classes],
  data: Float32Array.from(
    rows.flatMap((row) =>
      row.flatMap((best) => Array.from({ length: classes }, (_, i) => (i === best ? 0.5 : 0))),
    ),
  ),
});
const texts = (tensor: Tensor) => ctcTexts(tensor, ['a', 'b']).map(({ text }) => text);

test('repetitions merge, a blank between them keeps both, the last class is a space', () => {
  expect(texts(steps(4, [0, 1, 1, 0, 1, 2, 2, 3, 3, 1, 0]))).toEqual(['aab a']);
  expect(ctcTexts(steps(4, [0, 0]), ['a', 'b'])).toEqual([{ text: '', score: 0 }]);
});

test('every row is read by itself, with the mean score of its characters', () => {
  expect(texts(steps(4, [1, 0, 2], [0, 2, 2]))).toEqual(['ab', 'b']);
  expect(ctcTexts(steps(4, [1, 0, 2]), ['a', 'b'])[0]?.score).toBeCloseTo(0.5);
  expect(texts({ ...steps(4, [1]), shape: [0, 1, 4], data: new Float32Array(0) })).toEqual([]);
});

test('labels of another model are refused, not read wrongly', () => {
  expect(() => ctcTexts(steps(5, [1]), ['a', 'b'])).toThrow(/4 classes.*the model has 5/);
});
