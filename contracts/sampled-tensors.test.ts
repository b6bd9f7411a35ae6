import { expect, test } from 'vitest';
import type { Tensor } from './tensor.js';
import { toBlob } from './tensor.js';
import { bodyLine, differenceOf, inputsOf, tensorOf } from './sampled-tensors.js';

const y = (...values: number[]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape: [1, values.length],
  data: Float32Array.from(values),
});
const kept = ({ name, datatype, shape, data }: Tensor) => ({
  name,
  datatype,
  shape: [...shape],
  data: Buffer.from(toBlob(data)).toString('base64'),
});

test('a sample is the tensors it was taken from, and one without all values or with masked ones cannot be asked again', () => {
  expect(tensorOf(kept(y(1, 2)))).toEqual(y(1, 2));
  expect(inputsOf({ inputs: [kept(y(1))] })).toEqual([y(1)]);
  expect(inputsOf({ inputs: [kept(y(1)), { name: 'x', datatype: 'FP32', shape: [1] }] })).toBeUndefined();
  expect(tensorOf({ ...kept(y(1)), masked: 1 })).toBeUndefined();
  expect(JSON.parse(bodyLine([y(1, 0.5)]))).toEqual({
    inputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 0.5] }],
  });
});

test('answers are compared by the largest difference over scale, and by their class', () => {
  expect(differenceOf([y(1, 2)], { y: y(1, 2) })).toEqual({ compared: 1, largest: 0, otherClass: false });
  expect(differenceOf([y(10, 20)], { y: y(10, 21) })).toMatchObject({ largest: 1 / 20, otherClass: false });
  expect(differenceOf([y(1, 2)], { y: y(2, 1) })).toMatchObject({ otherClass: true });
  expect(differenceOf([y(1, 2)], {})).toMatchObject({ compared: 0, largest: Infinity });
  expect(differenceOf([y(NaN, 1)], { y: y(NaN, 1) })).toMatchObject({ largest: 0 });
  expect(differenceOf([y(1, 1)], { y: y(NaN, 1) })).toMatchObject({ largest: Infinity });
});
