import { expect, test } from 'vitest';
import { seededRandom } from '../random.js';
import { lnAbove, lnBelow, upperLimit } from './rate-bet.js';
import { lnBeta, lnGamma } from './log-gamma.js';

test('ln gamma agrees with factorials and with the square root of pi', () => {
  expect(lnGamma(11)).toBeCloseTo(Math.log(3_628_800), 10);
  expect(lnGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 10);
  expect(lnBeta(2, 3)).toBeCloseTo(Math.log(1 / 12), 10);
  expect(lnGamma(1e6)).toBeCloseTo(12_815_504.569147, 4);
});

test('no failure in 820 calls shows a rate below 0.5 % with 95 %, 700 do not', () => {
  expect(lnBelow({ hits: 0, total: 820 }, 0.005)).toBeGreaterThanOrEqual(Math.log(20));
  expect(lnBelow({ hits: 0, total: 700 }, 0.005)).toBeLessThan(Math.log(20));
  expect(upperLimit({ hits: 0, total: 820 }, 0.05)).toBeCloseTo(0.005, 4);
});

test('without a call everything is possible', () => {
  expect(lnBelow({ hits: 0, total: 0 }, 0.005)).toBe(0);
  expect(upperLimit({ hits: 0, total: 0 }, 0.05)).toBe(1);
});

test('evidence for one side is none for the other', () => {
  expect(lnAbove({ hits: 30, total: 1_000 }, 0.01)).toBeGreaterThan(Math.log(20));
  expect(lnBelow({ hits: 30, total: 1_000 }, 0.01)).toBe(0);
  expect(lnAbove({ hits: 3, total: 1_000 }, 0.01)).toBe(0);
});

test('at a rate of exactly the limit, at most 5 % and some slack of 300 histories cross it, looked at call by call', () => {
  const random = seededRandom(5);
  let crossed = 0;
  for (let history = 0; history < 300; history++) {
    let hits = 0;
    for (let total = 1; total <= 1_500; total++) {
      if (random() < 0.02) hits++;
      const counts = { hits, total };
      if (Math.max(lnAbove(counts, 0.02), lnBelow(counts, 0.02)) < Math.log(20)) continue;
      crossed++;
      break;
    }
  }
  expect(crossed).toBeLessThanOrEqual(25);
});
