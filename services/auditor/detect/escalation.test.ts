// Costlier checks on a linear model with a back door: where the first number is 9, class 2 is the answer whatever else is there.
import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { seeded } from '../../onnx/seeded.js';
import {
  activationSplit,
  type Ask,
  perturbationAgreement,
  squeezingDistance,
  superposedEntropy,
} from './escalation.js';
import { softmax } from './logit-scores.js';

const random = seeded(6);
const ask: Ask = (inputs) =>
  Promise.resolve(
    inputs.map((x) => {
      const [a, b] = [x.subarray(1, 9), x.subarray(9)].map((part) =>
        part.reduce((sum, value) => sum + value, 0),
      );
      return softmax([(a ?? 0) - (b ?? 0), (b ?? 0) - (a ?? 0), (x[0] ?? 0) > 4 ? 40 : -40]);
    }),
  );
const clean = (label: number) =>
  random.normals(17, 0.2).map((value, i) => (i === 0 ? 0 : value + (i < 9 === (label === 0) ? 1 : 0)));
const others = Array.from({ length: 20 }, (_, i) => clean(i % 2));

test('a trigger keeps its answer whatever lies below it, a clean input does not', async () => {
  const triggered = clean(0).with(0, 9);
  expect(await superposedEntropy(ask, triggered, others)).toBeLessThan(1e-6);
  expect(await superposedEntropy(ask, clean(0), others)).toBeGreaterThan(0.01);
});

test('an answer on the border changes with a little noise and with fewer levels, a clear one does not', async () => {
  const chance = seededRandom(3);
  const border = Float32Array.from({ length: 17 }, (_, i) =>
    i === 0 ? 0 : i === 1 ? 0.01 : i % 2 === 0 ? 0.5 : 0.5,
  );
  const noise = { noise: 0.2, copies: 40 };
  expect(await perturbationAgreement(ask, clean(0), noise, chance)).toBe(1);
  expect(await perturbationAgreement(ask, border, noise, chance)).toBeLessThan(1);
  const spiked = clean(0).map((value, i) => (i === 12 ? 7 : value));
  expect(await squeezingDistance(ask, clean(0))).toBeLessThan(await squeezingDistance(ask, spiked));
});

test('a class of two kinds falls apart, one of one kind does not', () => {
  const features = Array.from({ length: 100 }, (_, i) =>
    random.normals(4, 1).map((value) => value + (i < 10 ? 12 : 0)),
  );
  expect(activationSplit(features, seededRandom(1))).toMatchObject({
    smaller: expect.closeTo(0.1, 9),
    apart: expect.any(Number),
  });
  const poisoned = activationSplit(features, seededRandom(1)).apart;
  expect(poisoned).toBeGreaterThan(3);
  expect(activationSplit(features.slice(10), seededRandom(1)).apart).toBeLessThan(3);
});
