import { expect, test } from 'vitest';
import { BIN_COUNT, binOf, ratioInBins } from '../evidence/latency-bins.js';
import { seededRandom } from '../random.js';
import { logNormal } from '../testing/simulated-release.js';
import { lnQuantileAbove, lnQuantileBelow, position } from './quantile-difference.js';

function histogram(random: () => number, count: number, slower = 1): number[] {
  const bins = Array.from({ length: BIN_COUNT }, () => 0);
  for (let i = 0; i < count; i++) {
    const bin = binOf(logNormal(random, 10 * slower, 0.5));
    bins[bin] = (bins[bin] as number) + 1;
  }
  return bins;
}

test('the quantile of a histogram lies where its values lie', () => {
  const at = position(histogram(seededRandom(1), 50_000), 0.95);
  const truth = 10 * Math.exp(0.5 * 1.6449);
  expect(Math.abs(at - ratioInBins(truth / 0.05))).toBeLessThan(1.2);
});

test('half as slow again is found in both directions of the question', () => {
  const random = seededRandom(2);
  const [quick, slow] = [histogram(random, 1_500), histogram(random, 1_500, 1.5)];
  expect(lnQuantileAbove(slow, quick, 0.95)).toBeGreaterThan(Math.log(20));
  expect(lnQuantileAbove(quick, slow, 0.95)).toBe(0);
  expect(lnQuantileBelow(quick, slow, 0.95)).toBeGreaterThan(Math.log(20));
});

test('equal arms are shown to be less than a quarter slower, which an arm a half slower is not', () => {
  const random = seededRandom(3);
  const shift = Math.floor(ratioInBins(1.25));
  const [a, b, slow] = [histogram(random, 6_000), histogram(random, 6_000), histogram(random, 6_000, 1.5)];
  expect(lnQuantileBelow(a, b, 0.95, shift)).toBeGreaterThan(Math.log(20));
  expect(lnQuantileBelow(slow, b, 0.95, shift)).toBe(0);
});

test('empty arms say nothing', () => {
  expect(lnQuantileAbove([], [], 0.95)).toBe(0);
  expect(lnQuantileAbove(histogram(seededRandom(4), 100), [], 0.95)).toBe(0);
});
