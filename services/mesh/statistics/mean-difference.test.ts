import { expect, test } from 'vitest';
import { seededRandom } from '../random.js';
import { logNormal } from '../testing/simulated-release.js';
import { meanDifference, pairedMean, type Sums } from './mean-difference.js';

const NONE: Sums = { count: 0, sum: 0, sum2: 0 };
const plus = ({ count, sum, sum2 }: Sums, value: number): Sums => ({
  count: count + 1,
  sum: sum + value,
  sum2: sum2 + value ** 2,
});

function drawn(random: () => number, count: number, shift: number): Sums {
  let sums = NONE;
  for (let i = 0; i < count; i++) sums = plus(sums, Math.log(logNormal(random, 10, 0.5)) + shift);
  return sums;
}

test('with fewer than a hundred values of an arm it says nothing', () => {
  const random = seededRandom(1);
  const [few, many] = [drawn(random, 99, 0), drawn(random, 500, 0)];
  expect(meanDifference([{ candidate: few, baseline: many }], 0.05)).toBeUndefined();
  expect(pairedMean(few, 0.05)).toBeUndefined();
});

test('a fifth more latency is above zero after a thousand calls of each arm, and within its margin of the truth', () => {
  const random = seededRandom(2);
  const candidate = drawn(random, 1_000, Math.log(1.2));
  const found = meanDifference([{ candidate, baseline: drawn(random, 1_000, 0) }], 0.05);
  expect((found?.difference ?? 0) - (found?.margin ?? 0)).toBeGreaterThan(0);
  expect(Math.abs((found?.difference ?? 9) - Math.log(1.2))).toBeLessThan(found?.margin ?? 0);
});

test('a day that is slow for both arms while the canary has its largest share is no difference', () => {
  const random = seededRandom(3);
  const strata = [
    { candidate: drawn(random, 100, 0), baseline: drawn(random, 4_000, 0) },
    { candidate: drawn(random, 4_000, 1), baseline: drawn(random, 4_000, 1) },
  ];
  const found = meanDifference(strata, 0.05);
  expect((found?.difference ?? 9) - (found?.margin ?? 0)).toBeLessThan(0);
});

test('looked at every 100 calls, at most 5 % and some slack of 200 sound histories are called slower', () => {
  const random = seededRandom(4);
  let alarms = 0;
  for (let history = 0; history < 200; history++) {
    let [candidate, baseline] = [NONE, NONE];
    for (let look = 0; look < 40; look++) {
      for (let i = 0; i < 50; i++) {
        candidate = plus(candidate, Math.log(logNormal(random, 10, 0.5)));
        baseline = plus(baseline, Math.log(logNormal(random, 10, 0.5)));
      }
      const found = meanDifference([{ candidate, baseline }], 0.05);
      if (!found || found.difference <= found.margin) continue;
      alarms++;
      break;
    }
  }
  expect(alarms).toBeLessThanOrEqual(19); // 10 expected at most
});

test('paired, a tenth of a standard deviation is found in a fraction of the calls', () => {
  const random = seededRandom(5);
  let pairs = NONE;
  // What two answers to one request have in common (correlation 0.9) falls out of their difference.
  for (let i = 0; i < 600; i++) pairs = plus(pairs, 0.1 + Math.sqrt(0.2) * Math.log(logNormal(random, 1, 1)));
  const found = pairedMean(pairs, 0.05);
  expect((found?.difference ?? 0) - (found?.margin ?? 9)).toBeGreaterThan(0);
});
