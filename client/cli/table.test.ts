import { expect, test } from 'vitest';
import { bytesText, durationText, percentText, table } from './table.js';

test('numbers stand right, texts left, and no line ends in spaces', () => {
  expect(table(['name', 'n', 'note'], [['a', 7, 'x'], ['long name', 12_345, '']])).toBe(
    ['name           n  note', 'a              7  x', 'long name  12345'].join('\n'),
  ); // prettier-ignore
  expect(table(['a', 'b'], [])).toBe('a  b');
});

test('bytes, durations and shares read as people say them', () => {
  expect([0, 999, 1_500, 10_822_323, 2e12].map(bytesText)).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '10.8 MB',
    '2.0 TB',
  ]);
  expect([-5, 12_300, 400_000, 7_500_000, 273_600_000].map(durationText)).toEqual([
    '0s',
    '12s',
    '6m',
    '2h 5m',
    '3d 4h',
  ]);
  expect([10_000, 500, 1].map(percentText)).toEqual(['100 %', '5 %', '0.01 %']);
});
