import { expect, test } from 'vitest';
import { canBatch, Gatherer, inOrder, rowsOf, shareKey, sliceRows } from './gather.js';
import { seededRandom } from '../../mesh/random.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

const spec = (name: string, ...shape: number[]): TensorSpec => ({
  name,
  datatype: 'FP32',
  shape,
  dims: shape.map(() => ''),
});
const floats = (name: string, shape: number[], fill: (i: number) => number): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => fill(i)),
});

test('no caller ever gets rows of another, whatever sizes meet in a batch', () => {
  const random = seededRandom(7);
  const gatherer = new Gatherer();
  for (let round = 0; round < 500; round++) {
    const width = 1 + Math.floor(random() * 5);
    const requests = Array.from({ length: 1 + Math.floor(random() * 9) }, (_, who) => {
      const rows = 1 + Math.floor(random() * 4);
      return [
        floats('x', [rows, width], () => round * 100 + who),
        { name: 't', datatype: 'BYTES', shape: [rows], data: Array<string>(rows).fill(`${who}`) } as Tensor,
      ];
    });
    const joined = gatherer.join(requests);
    const total = joined[0]?.shape[0] ?? 0;
    let at = 0;
    for (const [who, inputs] of requests.entries()) {
      const rows = rowsOf(inputs);
      for (const [i, tensor] of joined.entries())
        expect(sliceRows(tensor, at, rows, total)).toEqual(requests[who]?.[i]);
      at += rows;
    }
    expect(at).toBe(total);
  }
});

test('a batch is joined only when every input and output leaves its first dimension open', () => {
  expect(canBatch([spec('x', -1, 784)], [spec('y', -1, 10)])).toBe(true);
  expect(canBatch([spec('x', 1, 784)], [spec('y', 1, 10)])).toBe(false);
  expect(canBatch([spec('x', -1, 4), spec('state', 2, -1, 128)], [spec('y', -1, 1)])).toBe(false);
  expect(canBatch([spec('x', -1, 4)], [spec('mean')])).toBe(false);
  expect(canBatch([], [spec('y', -1)])).toBe(false);
});

test('requests share a run only when all other dimensions agree', () => {
  expect(shareKey([floats('x', [1, 4], () => 0)])).toBe(shareKey([floats('x', [3, 4], () => 0)]));
  expect(shareKey([floats('x', [1, 4], () => 0)])).not.toBe(shareKey([floats('x', [1, 5], () => 0)]));
  expect(shareKey([floats('x', [1, 4, 1], () => 0)])).not.toBe(shareKey([floats('x', [1, 4], () => 0)]));
});

test('a request whose inputs disagree on their rows is not joined with others', () => {
  expect(rowsOf([floats('a', [2, 3], () => 0), floats('b', [1, 3], () => 0)])).toBe(0);
});

test('inputs are put into the order of the model', () => {
  const a = floats('a', [1], () => 1);
  const b = floats('b', [1], () => 2);
  expect(inOrder([b, a], [spec('a', -1), spec('b', -1)])).toEqual([a, b]);
});

test('an output without the batch in its first dimension is never sliced', () => {
  expect(() =>
    sliceRows(
      floats('mean', [1], () => 0),
      0,
      1,
      4,
    ),
  ).toThrow(/carries the batch/);
});
