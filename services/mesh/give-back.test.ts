import { expect, test } from 'vitest';
import { isWorthIt } from './give-back.js';

const MIB = 1_048_576;
const look = { busyShare: 0.02, residentBytes: 140 * MIB, settledBytes: 0 };

test('a process that has just started gives back what its start took', () => {
  expect(isWorthIt(look)).toBe(true);
});
test('nobody who is at work is held up', () => {
  expect(isWorthIt({ ...look, busyShare: 0.3 })).toBe(false);
});
test('an idle process collects again only when it has grown', () => {
  expect(isWorthIt({ ...look, residentBytes: 61 * MIB, settledBytes: 60 * MIB })).toBe(false);
  expect(isWorthIt({ ...look, residentBytes: 80 * MIB, settledBytes: 60 * MIB })).toBe(true);
});
test('a large one when it has grown by a quarter', () => {
  expect(isWorthIt({ ...look, residentBytes: 440 * MIB, settledBytes: 400 * MIB })).toBe(false);
  expect(isWorthIt({ ...look, residentBytes: 500 * MIB, settledBytes: 400 * MIB })).toBe(true);
});
