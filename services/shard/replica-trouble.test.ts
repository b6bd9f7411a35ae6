import { expect, test } from 'vitest';
import {
  afterCrash,
  afterFailedLoad,
  afterFailure,
  afterLoad,
  afterLoss,
  noTrouble,
  type Trouble,
} from './replica-trouble.js';

const still = () => 0.5;
const failedLoads = (times: number): Trouble => {
  let trouble = noTrouble;
  for (let i = 0; i < times; i++) trouble = afterFailedLoad(trouble);
  return trouble;
};

test('a load that fails is tried three times, then given up for half a minute and more each time', () => {
  const kinds = [1, 2, 3, 4].map((times) => afterFailure(failedLoads(times), 'ENGINE_FAILED', still));
  expect(kinds.map(({ kind }) => kind)).toEqual(['again', 'again', 'failed', 'failed']);
  expect(kinds.map(({ afterMs }) => afterMs)).toEqual([200, 400, 30_000, 60_000]);
});

test('a version that is refused is not tried in vain', () => {
  expect(afterFailure(failedLoads(1), 'UNSIGNED', still)).toEqual({ kind: 'failed', afterMs: 30_000 });
  expect(afterFailure(failedLoads(1), 'MODEL_REFUSED', still).kind).toBe('failed');
});

test('bytes that cannot be had just now never make a version fail', () => {
  expect(afterFailure(failedLoads(20), 'UNAVAILABLE', still)).toEqual({ kind: 'again', afterMs: 2_000 });
});

test('a success forgets the failures before it', () => {
  expect(afterLoad(failedLoads(2)).failedLoads).toBe(0);
});

test('whoever took an engine down is alone from then on, and out after three times in a minute', () => {
  let trouble = noTrouble;
  expect(afterLoss(trouble, 0, still)).toEqual({ kind: 'again', afterMs: 0 });
  for (const atMs of [0, 10_000]) {
    trouble = afterCrash(trouble, atMs);
    expect(trouble.suspect).toBe(true);
    expect(afterLoss(trouble, atMs, still).kind).toBe('again');
  }
  expect(afterLoss(afterCrash(trouble, 20_000), 20_000, still).kind).toBe('failed');
  expect(afterLoss(afterCrash(trouble, 75_000), 75_000, still).kind).toBe('again');
});
