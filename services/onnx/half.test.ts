import { expect, test } from 'vitest';
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from './half.js';

const all16Bits = Array.from({ length: 0x10000 }, (_, i) => i);

test('every float16 survives the way to float32 and back', () => {
  const halves = all16Bits.filter((half) => !Number.isNaN(fromHalf(half)));
  expect(halves.filter((half) => toHalf(fromHalf(half)) !== half)).toEqual([]);
  expect(fromHalf(toHalf(NaN))).toBeNaN();
});

test('every bfloat16 survives the way to float32 and back', () => {
  const bfloats = all16Bits.filter((bfloat) => !Number.isNaN(fromBfloat16(bfloat)));
  expect(bfloats.filter((bfloat) => toBfloat16(fromBfloat16(bfloat)) !== bfloat)).toEqual([]);
  expect(fromBfloat16(toBfloat16(NaN))).toBeNaN();
});

test('halves round to the nearest, ties to even, and overflow to infinity', () => {
  expect(fromHalf(toHalf(1 + 2 ** -11))).toBe(1);
  expect(fromHalf(toHalf(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
  expect(fromHalf(toHalf(65_519))).toBe(65_504);
  expect(fromHalf(toHalf(65_520))).toBe(Infinity);
  expect(fromHalf(toHalf(2 ** -25))).toBe(0);
  expect(fromHalf(toHalf(2 ** -25 * 1.01))).toBe(2 ** -24);
});

test('bfloat16 rounds to the nearest, ties to even', () => {
  expect(fromBfloat16(toBfloat16(1 + 2 ** -8))).toBe(1);
  expect(fromBfloat16(toBfloat16(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6);
  expect(fromBfloat16(toBfloat16(-3.4e38))).toBeLessThan(-3.3e38);
});
