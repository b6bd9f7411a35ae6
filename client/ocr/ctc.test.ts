import { expect, test } from 'vitest';
import type { Tensor } from '../../contracts/tensor.js';
import { readLabels } from '../../contracts/classification.js';
import { ctcText } from './ctc.js';

const steps = (classes: number, ...best: number[]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape: [1, best.length, classes],
  data: Float32Array.from({ length: best.length * classes }, (_, i) =>
    best[Math.floor(i / classes)] === i % classes ? 1 : 0,
  ),
});

test('repetitions merge, a blank between them keeps both, the last class is a space', () => {
  expect(ctcText(steps(4, 0, 1, 1, 0, 1, 2, 2, 3, 3, 1, 0), ['a', 'b'])).toBe('aab a');
  expect(ctcText(steps(4, 0, 0), ['a', 'b'])).toBe('');
});

test('labels of another model are refused, not read wrongly', () => {
  expect(() => ctcText(steps(5, 1), ['a', 'b'])).toThrow(/4 classes.*the model has 5/);
});

test('labels are one character a line, whatever the line ends are', () => {
  expect(readLabels('a\nb\n')).toEqual(['a', 'b']);
  expect(readLabels('a\r\n \r\n')).toEqual(['a', ' ']);
});
