import { expect, test } from 'vitest';
import { called, firstVisit, nextVisit } from './rhythm.js';

const visits = (...atMs: number[]) => atMs.slice(1).reduce(called, firstVisit(atMs[0] ?? 0));

test('after four even visits the fifth is expected, the more exactly the more even they were', () => {
  expect(nextVisit(visits(0, 60_000, 120_000))).toBeUndefined();
  expect(nextVisit(visits(0, 60_000, 120_000, 180_000))).toEqual({
    fromMs: 239_000,
    toMs: 241_000,
    missedMs: 270_000,
  });
  expect(nextVisit(visits(0, 58_000, 120_000, 180_000))).toEqual({
    fromMs: 237_000,
    toMs: 243_000,
    missedMs: 270_000,
  });
});

test('calls that follow each other are one visit', () => {
  expect(nextVisit(visits(0, 300, 10_000, 10_500, 11_000, 20_000, 30_000, 30_100))).toEqual({
    fromMs: 39_000,
    toMs: 41_000,
    missedMs: 45_000,
  });
});

test('visits without rhythm expect nothing, and a new rhythm is learned in the place of the old one', () => {
  expect(nextVisit(visits(0, 10_000, 50_000, 55_000, 80_000))).toBeUndefined();
  const changed = visits(0, 10_000, 20_000, 30_000, 60_000, 90_000, 120_000, 150_000, 180_000, 210_000);
  expect(nextVisit(changed)).toEqual({ fromMs: 239_000, toMs: 241_000, missedMs: 255_000 });
});

test('who was away is known again by its next four visits', () => {
  const before = [0, 2_500, 5_100, 65_000];
  expect(nextVisit(visits(...before, 70_000, 75_000))).toBeUndefined();
  expect(nextVisit(visits(...before, 70_000, 75_000, 80_000))).toMatchObject({
    fromMs: 84_000,
    toMs: 86_000,
  });
});
