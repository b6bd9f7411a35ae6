import { expect, test } from 'vitest';
import { whyRecycle } from './recycling.js';

const MB = 1024 * 1024;
const memory = (rss: number, models: number, unloads: number) => ({
  rssBytes: rss * MB,
  emptyBytes: 80 * MB,
  modelBytes: models * MB,
  unloads,
});

test('an engine that never unloaded anything stays, as its successor would be as large', () => {
  expect(whyRecycle(memory(900, 100, 0), 2_000 * MB)).toBeUndefined();
});

test('an engine that keeps the memory of models long gone is replaced', () => {
  expect(whyRecycle(memory(400, 20, 3), 2_000 * MB)).toBe('not given back');
  expect(whyRecycle(memory(150, 20, 3), 2_000 * MB)).toBeUndefined();
});

test('an engine over its limit is replaced, whatever it holds', () => {
  expect(whyRecycle(memory(2_001, 1_900, 0), 2_000 * MB)).toBe('over limit');
});
