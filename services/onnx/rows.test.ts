import { expect, test } from 'vitest';
import { joined, rowsOf } from './rows.js';
import { float32, int64 } from './tensor.js';

test('a batch in parts, put together again, is the batch', () => {
  const batch = { x: float32([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), id: int64([5], [1, 2, 3, 4, 5]) };
  const parts = rowsOf(batch, 2);
  expect(parts.map(({ x }) => x?.dims)).toEqual([
    [2, 2],
    [2, 2],
    [1, 2],
  ]);
  expect(joined(parts)).toEqual(batch);
  expect(joined(rowsOf(batch, 9))).toEqual(batch);
});
