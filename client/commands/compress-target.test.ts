import { expect, test } from 'vitest';
import { readTarget } from './compress-target.js';

test('shares, points and seconds are read; points are hundredths', () => {
  expect(readTarget('size=0.25,latency=0.5,drop=0.5pt', 60)).toEqual({
    kind: 'target',
    target: { size: 0.25, latency: 0.5, drop: 0.005, budgetMs: 60_000 },
  });
});

test('an edge device has units of its own', () => {
  expect(readTarget('edge,bytes=500000,latency=5,drop=2pt', undefined)).toEqual({
    kind: 'edge',
    drop: 0.02,
    edge: { bytes: 500_000, latencyMs: 5 },
  });
});

test('a word that nobody knows is refused with those that are known', () => {
  for (const given of ['speed=2', 'size', 'size=1pt', 'edge,size=0.5'])
    expect(() => readTarget(given, undefined)).toThrow(/--target is made of/);
});
