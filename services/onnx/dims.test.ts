import { expect, test } from 'vitest';
import { add, ceilDivide, floorDivide, multiply, product, smaller, subtract } from './dims.js';

test('equal sizes get equal texts, however they were computed', () => {
  expect(add('a', 'b')).toBe(add('b', 'a'));
  expect(multiply(add('a', 1), 2)).toBe('2*a+2');
  expect(subtract(add('past', 'seq'), 'seq')).toBe('past');
  expect(product(['h', 2, 'w', 3])).toBe(product([6, 'w', 'h']));
  expect(subtract('n', 'n')).toBe(0);
});

test('names that exporters write as sums are sums', () => {
  expect(add('past_length + sequence_length', -1)).toBe('past_length+sequence_length+-1');
});

test('quotients of strided layers in a row become one', () => {
  const half = (size: string | number) => floorDivide(add(size, 1), 2); // 3x3, stride 2, pad 1
  expect(half('w')).toBe('floor((w+1)/2)');
  expect(half(half('w'))).toBe('floor((w+3)/4)');
  expect(floorDivide(multiply('w', 8), 4)).toBe('2*w');
  expect(floorDivide('4*w+3', 4)).toBe('w');
  expect(ceilDivide('w', 2)).toBe(half('w'));
});

test('a rounded quotient means what Math.floor means', () => {
  for (const [a, b] of [
    [7, 2],
    [-7, 2],
    [8, 4],
  ] as const) {
    expect(floorDivide(a, b)).toBe(Math.floor(a / b));
  }
});

test('dividing by a name works where it is a factor, as Reshape with -1 needs', () => {
  expect(floorDivide(product(['n', 240, 'w']), product(['n', 'w']))).toBe(240);
  expect(floorDivide('n', 'w')).toBe('floor(n/w)');
  expect(floorDivide('a+b', 'a+b')).toBe(1);
});

test('the smaller of two is known when their difference is', () => {
  expect(smaller('w', add('w', 2))).toBe('w');
  expect(smaller('w', 3)).toBe('min(3,w)');
});
