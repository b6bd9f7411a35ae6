import { expect, test } from 'vitest';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { seededRandom } from '../../mesh/random.js';
import { warmInputs } from './warm-inputs.js';

const image: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 3, 48, -1], dims: ['n', '', '', 'w'] };

test('the card names variable sizes by symbol or by place, the batch is one', () => {
  const shape = (warmDims: Record<string, number>) =>
    warmInputs([image], warmDims, { last: 8, inner: 2 }, seededRandom(1))[0]?.shape;
  expect(shape({ w: 320 })).toEqual([1, 3, 48, 320]);
  expect(shape({ 'x:3': 160 })).toEqual([1, 3, 48, 160]);
  expect(shape({ n: 2 })).toEqual([2, 3, 48, 8]);
});

test('every datatype gets as many values as its shape has, and indices stay small', () => {
  const datatypes = [
    'BOOL',
    'UINT8',
    'INT8',
    'UINT16',
    'INT16',
    'UINT32',
    'INT32',
    'INT64',
    'UINT64',
    'FP16',
    'FP32',
    'FP64',
    'BYTES',
  ] as const;
  for (const datatype of datatypes) {
    const [tensor] = warmInputs(
      [{ name: 'x', datatype, shape: [2, 3], dims: ['', ''] }],
      {},
      { last: 1, inner: 1 },
      seededRandom(1),
    );
    expect(tensor?.data).toHaveLength(6);
    if (datatype.includes('INT'))
      expect(Math.max(...[...(tensor?.data ?? [])].map(Number))).toBeLessThanOrEqual(1);
  }
});
