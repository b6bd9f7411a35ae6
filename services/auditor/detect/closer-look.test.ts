// A linear model with a back door, as in escalation.test.ts: where the first number is 9, class 2 is the answer whatever else is there.
import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { seeded } from '../../onnx/seeded.js';
import { inWords, lookCloser } from './closer-look.js';
import type { Ask } from './escalation.js';
import { softmax } from './logit-scores.js';

const random = seeded(11);
const sum = (part: Float32Array) => part.reduce((total, value) => total + value, 0);
const ask: Ask = (inputs) =>
  Promise.resolve(
    inputs.map((x) => {
      const margin = sum(x.subarray(1, 9)) - sum(x.subarray(9));
      return softmax([margin, -margin, (x[0] ?? 0) > 4 ? 40 : -40]);
    }),
  );
const clean = (label: number) =>
  random.normals(17, 0.2).map((value, i) => (i === 0 ? 0 : value + (i < 9 === (label === 0) ? 1 : 0)));
const many = (count: number, make: (i: number) => Float32Array) =>
  Array.from({ length: count }, (_, i) => make(i));
const reference = many(24, (i) => clean(i % 2));
const none = new Map<number, Float32Array[]>();
const odd = async (live: Float32Array[], features: ReadonlyMap<number, Float32Array[]> = none) => {
  const findings = await lookCloser(ask, { live, clean: reference, features }, seededRandom(2));
  return findings.filter((one) => one.odd).map(({ check }) => check);
};

test('requests like those of the reference are nothing special', async () => {
  expect(await odd(many(8, (i) => clean(i % 2)))).toEqual([]);
  const findings = await lookCloser(
    ask,
    { live: many(8, (i) => clean(i % 2)), clean: reference, features: none },
    seededRandom(2),
  );
  expect(inWords(8, findings)).toBe(
    'Looked closer at 8 kept requests (perturbation, squeezing, superposition): they are answered as clean ones are.',
  );
});

test('a trigger, and inputs that stand on a border, are told from clean ones each by its check', async () => {
  expect(await odd(many(8, (i) => clean(i % 2).with(0, 9)))).toContain('superposition');
  const border = many(8, () =>
    Float32Array.from({ length: 17 }, (_, i) => (i === 0 ? 0 : i < 9 ? 0.5 : 0.5 + 0.002 * random.normal())),
  );
  expect(await odd(border)).toContain('perturbation');
});

test('a class whose hidden features are of two kinds is told of', async () => {
  const live = many(8, (i) => clean(i % 2));
  const kinds = (few: number) =>
    many(60, (i) => random.normals(4, 1).map((value) => value + (i < few ? 12 : 0)));
  expect(await odd(live, new Map([[1, kinds(6)]]))).toEqual(['activation']);
  expect(await odd(live, new Map([[1, kinds(0)]]))).toEqual([]);
});
