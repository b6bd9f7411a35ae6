import { expect, test } from 'vitest';
import { decideCapacity } from './capacity.js';

test('a fast model holds as much as it may', () => {
  expect(decideCapacity(0.02, 512)).toBe(512);
});

test('a model of 20 ms holds two seconds of work', () => {
  expect(decideCapacity(20, 512)).toBe(100);
});

test('a model of three seconds still holds a few', () => {
  expect(decideCapacity(3_000, 512)).toBe(4);
});

test('the configured limit is never passed', () => {
  expect(decideCapacity(3_000, 2)).toBe(2);
});
