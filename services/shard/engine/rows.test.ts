import { expect, test } from 'vitest';
import { carriesRows, findOutputAxes, inOrder, proposeInputAxes, rowsOf, SHARED, shareKey } from './rows.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

const spec = (name: string, ...shape: number[]): TensorSpec => ({
  name,
  datatype: 'FP32',
  shape,
  dims: shape.map(() => ''),
});
const zeros = (name: string, ...shape: number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

test('rows lie first, or where a recurrent model has its only variable axis beside an input that has them first', () => {
  expect(proposeInputAxes([spec('x', -1, 784)])).toEqual([0]);
  expect(proposeInputAxes([spec('x', -1, -1)])).toEqual([0]);
  expect(proposeInputAxes([spec('x', -1, -1), spec('state', 2, -1, 128), spec('sr')])).toEqual([
    0,
    1,
    SHARED,
  ]);
});

test('a fixed batch, a lone length further back and two variable axes behind a fixed one are no rows', () => {
  expect(proposeInputAxes([spec('x', 1, 784)])).toBeUndefined();
  expect(proposeInputAxes([spec('x', 1, -1)])).toBeUndefined();
  expect(proposeInputAxes([spec('x', -1, 4), spec('y', 2, -1, -1)])).toBeUndefined();
  expect(proposeInputAxes([])).toBeUndefined();
});

test('the axis of an output is the one that grew with the rows', () => {
  const single = [zeros('y', 1, 10), zeros('state', 2, 1, 8)];
  expect(findOutputAxes(single, [zeros('y', 3, 10), zeros('state', 2, 3, 8)], 3)).toEqual([0, 1]);
  expect(findOutputAxes(single, [zeros('y', 3, 10), zeros('state', 2, 1, 8)], 3)).toBeUndefined();
  expect(findOutputAxes([zeros('mean')], [zeros('mean')], 3)).toBeUndefined();
  expect(findOutputAxes([zeros('y', 1, 1)], [zeros('y', 3, 3)], 3)).toBeUndefined();
});

test('requests share a run only when all other dimensions agree, and all shared values', () => {
  const key = (tensor: Tensor) => shareKey([tensor], [0]);
  expect(key(zeros('x', 1, 4))).toBe(key(zeros('x', 3, 4)));
  expect(key(zeros('x', 1, 4))).not.toBe(key(zeros('x', 1, 5)));
  expect(key(zeros('x', 1, 4, 1))).not.toBe(key(zeros('x', 1, 4)));
  const rate = (hz: bigint): Tensor => ({
    name: 'sr',
    datatype: 'INT64',
    shape: [],
    data: BigInt64Array.of(hz),
  });
  const shared = (hz: bigint) => shareKey([zeros('x', 1, 4), rate(hz)], [0, SHARED]);
  expect(shared(8_000n)).toBe(shared(8_000n));
  expect(shared(8_000n)).not.toBe(shared(16_000n));
});

test('a request whose inputs disagree on their rows is not joined with others, nor one with much to share', () => {
  expect(rowsOf([zeros('a', 2, 3), zeros('b', 1, 3)], [0, 0])).toBe(0);
  expect(rowsOf([zeros('a', 2, 3), zeros('b', 4, 2)], [0, 1])).toBe(2);
  expect(rowsOf([zeros('a', 2, 3), zeros('w', 99)], [0, SHARED])).toBe(0);
});

test('outputs are believed only with all rows in their place', () => {
  expect(carriesRows([zeros('y', 3, 2), zeros('s', 2, 3)], [0, 1], 3)).toBe(true);
  expect(carriesRows([zeros('y', 3, 2), zeros('s', 3, 2)], [0, 1], 3)).toBe(false);
});

test('inputs are put into the order of the model', () => {
  const [a, b] = [zeros('a', 1), zeros('b', 1)];
  expect(inOrder([b, a], [spec('a', -1), spec('b', -1)])).toEqual([a, b]);
});
