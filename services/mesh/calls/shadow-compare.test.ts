import { expect, test } from 'vitest';
import { encodeInferResponse } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { compareAnswers } from './shadow-compare.js';

const answer = (...outputs: Tensor[]) =>
  encodeInferResponse({ modelName: 'ocr', outputs }, { binaryOutput: true });
const scores = (shape: number[], ...values: number[]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
});

test('the difference is in parts of the real scale, and labels agree while every row has the same largest class', () => {
  const real = answer(scores([2, 2], 10, 1, 2, 4));
  expect(compareAnswers(real, real)).toEqual({ difference: 0, sameLabels: true });
  expect(compareAnswers(real, answer(scores([2, 2], 9, 1, 2, 4)))).toEqual({
    difference: 0.1,
    sameLabels: true,
  });
  expect(compareAnswers(real, answer(scores([2, 2], 10, 1, 4.5, 4)))).toEqual({
    difference: 0.25,
    sameLabels: false,
  });
});

test('one number a row is no class, so only its distance counts', () => {
  expect(compareAnswers(answer(scores([2, 1], 1, 2)), answer(scores([2, 1], 2, 1)))).toEqual({
    difference: 0.5,
    sameLabels: true,
  });
});

test('another form, a missing output and what is no number are as far away as can be', () => {
  const real = answer(scores([2], 1, 2));
  for (const other of [
    answer(scores([1, 2], 1, 2)),
    answer({ ...scores([2], 1, 2), name: 'z' }),
    answer(scores([2], Number.NaN, 2)),
  ])
    expect(compareAnswers(real, other).difference).toBe(Number.POSITIVE_INFINITY);
});

test('whole numbers and texts are equal or not', () => {
  const ids = (...values: bigint[]): Tensor => ({
    name: 'ids',
    datatype: 'INT64',
    shape: [2],
    data: BigInt64Array.from(values),
  });
  expect(compareAnswers(answer(ids(1n, 2n)), answer(ids(1n, 2n)))).toEqual({
    difference: 0,
    sameLabels: true,
  });
  expect(compareAnswers(answer(ids(1n, 2n)), answer(ids(1n, 3n)))).toEqual({
    difference: 1,
    sameLabels: false,
  });
});
