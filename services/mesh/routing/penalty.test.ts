import { expect, test } from 'vitest';
import { Penalty } from './penalty.js';
import { SUSPECT_PENALTY_MS } from './tier.js';

test('one failure makes no suspect, three in a row do', () => {
  const penalty = new Penalty();
  expect(penalty.failed(0)).toBeLessThan(SUSPECT_PENALTY_MS);
  expect(penalty.failed(10)).toBeLessThan(SUSPECT_PENALTY_MS);
  expect(penalty.failed(20)).toBeGreaterThan(SUSPECT_PENALTY_MS);
});

test('a replica that works again is clear within a few answers, an idle one within a minute', () => {
  const worked = new Penalty();
  for (let i = 0; i < 9; i++) worked.failed(i);
  for (let i = 0; i < 4; i++) worked.succeeded();
  expect(worked.valueAt(10)).toBeLessThan(1_000);
  const idle = new Penalty();
  idle.failed(0);
  expect(idle.valueAt(60_000)).toBe(0);
});

test('it has an end', () => {
  const penalty = new Penalty();
  for (let i = 0; i < 100; i++) penalty.failed(i);
  expect(penalty.valueAt(100)).toBeLessThanOrEqual(10_000);
});
