import { expect, test } from 'vitest';
import { EndpointScalers } from './endpoint-scalers.js';

test('above the limit those that sleep for longest are forgotten, the awake never', () => {
  const scalers = new EndpointScalers();
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) scalers.of(name, 'east', 0);
  scalers.tidy(new Set(names), new Set(['a']), 2);
  expect(names.filter((name) => scalers.find(name, 'east'))).toEqual(['a', 'd']);
  scalers.tidy(new Set(['d']), new Set(), 2);
  expect(names.filter((name) => scalers.find(name, 'east'))).toEqual(['d']);
});

test('a sleeper is looked at again after a while', () => {
  const scalers = new EndpointScalers();
  scalers.of('a', 'east', 0);
  scalers.of('b', 'east', 4_000);
  expect([1_000, 5_000, 9_000].map((atMs) => scalers.due(atMs))).toEqual([[], ['a'], ['a', 'b']]);
});
