import { expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import { difference } from './same-values.js';

const y = (...values: number[]): Tensor[] => [
  { name: 'y', datatype: 'FP32', shape: [values.length], data: Float32Array.from(values) },
];

test('answers within the tolerance are the same, relative to large values', () => {
  expect(difference(y(1, 20_000), y(1.00005, 20_001), 1e-4)).toBeUndefined();
  expect(difference(y(1.001), y(1), 1e-4)).toMatch(/"y" differs at 0/);
});

test('a missing output, another shape, another datatype and other texts are named', () => {
  expect(difference([], y(1), 1)).toBe('output "y" is missing');
  expect(difference(y(1, 2), y(1), 1)).toMatch(/shape \[2\], not \[1\]/);
  const texts = (text: string): Tensor[] => [{ name: 't', datatype: 'BYTES', shape: [1], data: [text] }];
  expect(difference(texts('a'), texts('b'), 1)).toMatch(/differs/);
  expect(
    difference(texts('a'), [{ name: 't', datatype: 'BYTES', shape: [1], data: [Buffer.from('a')] }], 0),
  ).toBeUndefined();
});

test('NaN equals NaN only', () => {
  expect(difference(y(Number.NaN), y(Number.NaN), 0)).toBeUndefined();
  expect(difference(y(Number.NaN), y(1), 1e9)).toMatch(/NaN/);
});

test('half floats are compared as numbers, not as bits', () => {
  const half = (bits: number): Tensor[] => [
    { name: 'h', datatype: 'FP16', shape: [1], data: Uint16Array.of(bits) },
  ];
  expect(difference(half(0x3c01), half(0x3c00), 1e-2)).toBeUndefined();
  expect(difference(half(0x4000), half(0x3c00), 1e-2)).toMatch(/2, not 1/);
});
