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

test('a sleeper is looked at again after a while, a stranger is not', () => {
  const scalers = new EndpointScalers();
  scalers.of('a', 'east', 0);
  expect([scalers.isDue('a', 1_000), scalers.isDue('a', 5_000), scalers.isDue('b', 5_000)]).toEqual([
    false,
    true,
    false,
  ]);
});
