import { expect, test } from 'vitest';
import { HEDGES, RetryBudget } from './retry-budget.js';
import { FakeClock } from './testing/fake-clock.js';

const takeAll = (budget: RetryBudget, tries = 10_000) => {
  let taken = 0;
  for (let i = 0; i < tries; i++) if (budget.take()) taken++;
  return taken;
};

test('a burst of retries ends at the reserve plus a tenth of the traffic', () => {
  const budget = new RetryBudget(new FakeClock());
  for (let i = 0; i < 1_000; i++) budget.request();
  const taken = takeAll(budget);
  expect(taken).toBeGreaterThanOrEqual(199);
  expect(taken).toBeLessThanOrEqual(203);
});

test('an exhausted budget fills by about ten a second', async () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(clock);
  takeAll(budget);
  expect(budget.take()).toBe(false);
  await clock.advance(1_000);
  const taken = takeAll(budget);
  expect(taken).toBeGreaterThanOrEqual(9);
  expect(taken).toBeLessThanOrEqual(10);
});

test('a lone failing call may always try again', () => {
  const budget = new RetryBudget(new FakeClock(), { perRequest: 0, perSecond: 0, floor: 1 });
  budget.request();
  for (let i = 0; i < 100; i++) {
    expect(budget.take()).toBe(true);
    expect(budget.take()).toBe(false);
    budget.done();
  }
});

test('where much is asked nobody retries beyond the budget, however quickly retries end', () => {
  const budget = new RetryBudget(new FakeClock(), { perRequest: 0, perSecond: 0, floor: 1 });
  for (let i = 0; i < 100; i++) budget.request();
  expect(budget.take()).toBe(false);
});

test('what a busy hour saved is gone a minute later', async () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(clock);
  for (let i = 0; i < 100_000; i++) budget.request();
  await clock.advance(120_000);
  expect(takeAll(budget)).toBeLessThanOrEqual(103);
});

test('under steady traffic retries stay at a tenth of it, hedges at a fiftieth', async () => {
  const clock = new FakeClock();
  const retries = new RetryBudget(clock);
  const hedges = new RetryBudget(clock, HEDGES);
  let [retried, hedged] = [0, 0];
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 200; i++) {
      retries.request();
      hedges.request();
      if (retries.take()) retried++;
      if (hedges.take()) hedged++;
    }
    await clock.advance(1_000);
  }
  expect(retried / 12_000).toBeLessThan(0.12); // the reserve of the first ten seconds is in it
  expect(retried / 12_000).toBeGreaterThan(0.09);
  expect(hedged / 12_000).toBeLessThanOrEqual(0.021);
  expect(hedged / 12_000).toBeGreaterThan(0.015);
});
