import { expect, test } from 'vitest';
import { chooseEvictions } from './eviction.js';

const file = (digest: string, bytes: number, usedAtMs: number) => ({ digest, bytes, usedAtMs });

test('below the limit everything stays', () => {
  expect(chooseEvictions([file('a', 50, 1), file('b', 50, 2)], new Set(), 100)).toEqual([]);
});

test('the longest unused go first, and no more than needed', () => {
  const files = [file('new', 40, 3), file('old', 40, 1), file('middle', 40, 2)];
  expect(chooseEvictions(files, new Set(), 100)).toEqual(['old']);
  expect(chooseEvictions(files, new Set(), 50)).toEqual(['old', 'middle']);
});

test('what is in use stays, whatever the limit', () => {
  expect(chooseEvictions([file('a', 500, 1), file('b', 10, 2)], new Set(['a']), 100)).toEqual(['b']);
});
