// Fraud against what is real: networks that run, keys that sign, queries that copy.
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { convolutional } from '../../onnx/models/convolutional.js';
import { mlp } from '../../onnx/testing/mlp.js';
import { disguised } from '../../onnx/testing/disguised.js';
import { seeded } from '../../onnx/seeded.js';
import { ExtractionWatch, extractionReference, type Query } from './extraction.js';
import { fingerprintOf, likeness, SAME_FROM } from '../../onnx/fingerprint.js';
import { chooseProbes, openProbes, ProbeRound, probeSet, probesNeeded, sealProbes } from './probes.js';

const random = seeded(9);

test('a model with other names, another order and a fifth of its weights gone is recognised, another one is not', () => {
  const own = fingerprintOf(mlp(1));
  expect(likeness(own, fingerprintOf(disguised(mlp(1), random)))).toBeGreaterThan(SAME_FROM);
  expect(likeness(own, fingerprintOf(mlp(2)))).toBeLessThan(0.05);
  const cnn = (seed: number) =>
    fingerprintOf(
      convolutional({
        channels: 1,
        height: 28,
        width: 28,
        classes: 10,
        seed,
        blocks: [{ filters: 8, kernel: 3 }, 'pool', { filters: 16, kernel: 3 }, 'pool'],
        hidden: [64],
      }),
    );
  expect(likeness(cnn(1), cnn(1))).toBe(1);
  expect(likeness(cnn(1), cnn(2))).toBeLessThan(0.05);
  expect(likeness(own, { rows: [] })).toBe(0);
});

const probesOf = (shift: number) =>
  Array.from({ length: 10 }, (_, i) => ({
    input: Float32Array.of(i),
    expected: Float32Array.of(i / 10, 1 - i / 10),
    others: [Float32Array.of(i / 10 + (i === 4 ? shift : 0), 1 - i / 10)],
  }));
const about = {
  version: 'c'.repeat(64),
  model: 'm',
  reference: 'd'.repeat(64),
  input: 'x',
  shape: [1],
  output: 'y',
  tolerance: 1e-5,
};

test('the input on which versions differ is asked first, and equal ones by their margin', () => {
  expect(chooseProbes(probesOf(0.3), 2).map(({ input }) => input[0])).toEqual([4, 5]);
  expect([probesNeeded(0.9, 0.01), probesNeeded(0, 0.01), probesNeeded(1, 0.01)]).toEqual([44, 1, Infinity]);
});

test('probes are sealed, asked once each, and two wrong answers tell another model', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const sealed = sealProbes(probeSet(about, chooseProbes(probesOf(0), 6)), privateKey);
  expect(() => openProbes(sealed, generateKeyPairSync('ed25519').publicKey)).toThrow('signature');
  const set = openProbes(sealed, publicKey);
  const round = new ProbeRound(set, seededRandom(1));
  const asked: number[] = [];
  const verdicts: string[] = [];
  for (let next = round.next(); next !== undefined; next = round.next()) {
    const i = next.input[0] ?? 0;
    asked.push(i);
    const honest = [i / 10 + 1e-7, 1 - i / 10];
    verdicts.push(round.answered(next.probe, asked.length < 4 ? honest : [0.5, Number.NaN]));
  }
  expect(new Set(asked).size).toBe(6);
  expect(verdicts).toEqual(['registered', 'registered', 'registered', 'doubtful', 'other', 'other']);
  expect(round.counts()).toEqual({ passed: 3, failed: 3, left: 0 });
  expect(round.nextInMs(1_000)).toBeGreaterThan(0);
});

const usual = (): Query => ({
  novelty: random.normal(),
  margin: random.normal(),
  vector: random.normals(8, 1),
  label: Math.floor(random.uniform() * 10),
});
const reference = extractionReference(Array.from({ length: 5 }, () => Array.from({ length: 600 }, usual)));
const watch = () => new ExtractionWatch(reference);
const flaggedAfter = (query: (i: number) => Query, most: number): number | undefined => {
  const extraction = watch();
  for (let i = 1; i <= most; i++)
    if (extraction.see(['key'], query(i)).get('key')?.flagged === true) return i;
  return undefined;
};

test('usual queries are not flagged, nor the same one again and again, nor a caller with habits', () => {
  const same = usual();
  expect(flaggedAfter(usual, 3_000)).toBeUndefined();
  expect(flaggedAfter(() => same, 3_000)).toBeUndefined();
  expect(
    flaggedAfter(() => ({ ...usual(), margin: random.normal() - 0.4, label: 3 }), 3_000),
  ).toBeUndefined();
});

test('queries off the data, at the borders, or close together are flagged within 1,000', () => {
  expect(flaggedAfter(() => ({ ...usual(), novelty: random.normal() - 3 }), 1_000)).toBeDefined();
  expect(flaggedAfter(() => ({ ...usual(), margin: random.normal() - 1.5 }), 1_000)).toBeDefined();
  const seed = usual();
  const jitter = () => ({
    ...usual(),
    label: 1,
    vector: Float32Array.from(seed.vector, (value) => value + 0.1 * random.normal()),
  });
  expect(flaggedAfter(jitter, 1_000)).toBeDefined();
});

test('ten keys that share the work are flagged as a group before any of them is', () => {
  const extraction = watch();
  for (let i = 1; ; i++) {
    const found = extraction.see([`key${i % 10}`, 'network'], { ...usual(), margin: random.normal() - 1.5 });
    expect(i).toBeLessThan(3_000);
    if (found.get('network')?.flagged !== true) continue;
    expect(found.get(`key${i % 10}`)?.flagged).toBe(false);
    return;
  }
});
