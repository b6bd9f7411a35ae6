// Scores against values worked out by hand or by the definition.
import { expect, test } from 'vitest';
import { seeded } from '../../onnx/seeded.js';
import { auroc } from './auroc.js';
import { featureScores, fitClassDistances } from './class-distances.js';
import { inputStatistics } from '../../mesh/observing/input-statistics.js';
import { outputScores, softmax } from './logit-scores.js';
import { bankOf, nearestScore } from './nearest.js';
import { normalQuantile } from './normal-quantile.js';
import { deviationOf, ranksOf } from './ranks.js';
import { fromProbabilities } from './scores.js';

test('scores of an answer follow their formulas', () => {
  const logits = [1, 3, 2];
  const sum = Math.E + Math.E ** 3 + Math.E ** 2;
  const p = logits.map((z) => Math.exp(z) / sum);
  const scores = outputScores(logits);
  expect(scores.msp).toBeCloseTo(p[1] ?? 0, 12);
  expect(scores.maxLogit).toBe(3);
  expect(scores.energy).toBeCloseTo(Math.log(sum), 12);
  expect(scores.entropy).toBeCloseTo(
    p.reduce((total, share) => total + share * Math.log(share), 0),
    12,
  );
  expect(scores.margin).toBeCloseTo((p[1] ?? 0) - (p[2] ?? 0), 12);
  expect(scores.gen).toBeCloseTo(-p.reduce((total, share) => total + (share * (1 - share)) ** 0.1, 0), 12);
  // From probabilities all but energy and maxLogit come out the same.
  expect(outputScores(fromProbabilities(p))).toMatchObject({
    msp: expect.closeTo(p[1] ?? 0, 9),
    energy: expect.closeTo(0, 9),
  });
  expect(softmax([1e4, 1e4])[0]).toBeCloseTo(0.5, 9);
});

test('distances are those of Mahalanobis, and a feature near another class than the answer stands out', () => {
  const random = seeded(3);
  const rows = Array.from({ length: 4_000 }, (_, i) => {
    const [a, b] = [random.normal(), random.normal()];
    return { feature: Float32Array.of(2 * a + (i % 2) * 20, a + b), label: i % 2 };
  });
  const fit = fitClassDistances(rows);
  // Covariance [[4, 2], [2, 2]], inverse [[.5, -.5], [-.5, 1]]: at (2, 0) from the mean the squared distance is 2.
  expect(featureScores(fit, [2, 0], 0).mds).toBeCloseTo(-2, 0);
  expect(featureScores(fit, [0, 0], 0).agreement).toBe(0);
  expect(featureScores(fit, [0, 0], 1).agreement).toBeLessThan(-100);
  expect(featureScores(fit, [0, 0], 7).agreement).toBe(-1e9);
  expect(featureScores(fit, [10, 0], 0).rmds).toBeLessThan(featureScores(fit, [0, 0], 0).rmds);
});

test('the nearest neighbours are found among features of length 1', () => {
  const bank = bankOf([...Array.from({ length: 19 }, () => [1, 0]), [0, 1]]);
  expect(nearestScore(bank, [5, 0])).toBeCloseTo(0, 6);
  expect(nearestScore(bank, [0, 5])).toBeCloseTo(0, 6);
  expect(nearestScore(bank, [0, 5], 19)).toBeCloseTo(-2, 6);
});

test('statistics of an input', () => {
  expect(inputStatistics([1, 3, 1, 3])).toEqual({ mean: 2, deviation: 1, min: 1, max: 3, roughness: 1.5 });
});

test('the normal quantile is the known one, and ties count half', () => {
  for (const [p, z] of [
    [0.5, 0],
    [0.975, 1.959964],
    [0.001, -3.090232],
    [1e-6, -4.753424],
  ] as const)
    expect(normalQuantile(p)).toBeCloseTo(z, 5);
  expect(auroc([2, 3], [1, 2])).toBe(0.875);
});

test('a score becomes the deviation of its rank, whatever its scale', () => {
  const random = seeded(5);
  const scores = Array.from({ length: 20_000 }, () => Math.exp(random.normal()));
  const ranks = ranksOf('score', 'output', scores);
  expect(ranks.values.length).toBeLessThanOrEqual(1_100);
  for (const z of [-2, -1, 0, 1, 2]) expect(Math.abs(deviationOf(ranks, Math.exp(z)) - z)).toBeLessThan(0.1);
  expect(deviationOf(ranks, 1e9)).toBeCloseTo(-deviationOf(ranks, -1), 6);
  expect(deviationOf(ranks, Number.NaN)).toBeNaN();
  expect(deviationOf(ranksOf('flat', 'input', [0, 0, 0]), 0)).toBe(0);
  expect(() => ranksOf('broken', 'input', [1, Number.NaN])).toThrow('reference request 1');
});
