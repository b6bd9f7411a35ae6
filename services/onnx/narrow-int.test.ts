import { expect, test } from 'vitest';
import { INT2, INT4, pack, UINT2, UINT4, unpack, type NarrowInt } from './narrow-int.js';

const KINDS: [string, NarrowInt, number[]][] = [
  ['int4', INT4, [-8, 7, 0, -1, 3]],
  ['uint4', UINT4, [15, 0, 8, 1, 9]],
  ['int2', INT2, [-2, 1, 0, -1, 1]],
  ['uint2', UINT2, [3, 0, 2, 1, 3]],
];

test.each(KINDS)('%s comes back as it went in, odd counts too', (_, kind, values) => {
  expect([...unpack(pack(values, kind), values.length, kind)]).toEqual(values);
});

test('the first element sits in the lowest bits', () => {
  expect([...pack([1, 2], UINT4)]).toEqual([0x21]);
  expect([...pack([-1, 0], INT4)]).toEqual([0x0f]);
});

test('a value out of range is refused rather than wrapped', () => {
  expect(() => pack([8], INT4)).toThrow('8 does not fit int4');
});
