import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { type Candidate, decideBatch } from './decide-batch.js';
import type { Curve } from './latency-curve.js';

const affine = (fixedMs: number, rowMs: number, bestRun = 64): Curve => ({
  runMs: (rows) => fixedMs + rowMs * rows,
  margin: 1,
  bestRun,
});
const gemm = affine(1, 0.1);
const convolution = affine(0, 1, 1);
const of = (...leftMs: number[]): Candidate[] => leftMs.map((ms) => ({ rows: 1, leftMs: ms }));
const many = (count: number, leftMs: number): Candidate[] => of(...Array<number>(count).fill(leftMs));

test('all that waits shares a run where that pays and everybody has the time', () => {
  expect(decideBatch(many(40, 1_000), gemm, 64)).toHaveLength(40);
});

test('a model that pays per row runs the first alone', () => {
  expect(decideBatch(many(8, 1_000), convolution, 64)).toEqual([0]);
});

test('a run is never larger than allowed', () => {
  expect(decideBatch(many(100, 1_000), gemm, 32)).toHaveLength(32);
});

test("nobody's deadline is broken to make a run larger", () => {
  // Alone the first takes 1.1 ms; the joint run of all would take 5 ms.
  const taken = decideBatch([{ rows: 1, leftMs: 1.3 }, ...many(39, 100)], gemm, 64);
  expect(taken).toContain(0);
  expect(1 + 0.1 * taken.length).toBeLessThanOrEqual(1.3);
});

test('one that is nearly late does not cost many others their time', () => {
  // A small run for the first leaves the others one run too few.
  const waiting = [{ rows: 1, leftMs: 1.15 }, ...many(39, 5)];
  expect(decideBatch(waiting, gemm, 64)).toEqual(Array.from({ length: 39 }, (_, i) => i + 1));
});

test('nobody is taken who cannot be in time', () => {
  expect(decideBatch(of(0.5, 0.5, 0.5), gemm, 64)).toEqual([]);
  expect(decideBatch(of(0.5, 100, 0.5), gemm, 64)).toEqual([1]);
});

test('a request of more rows than pay goes by itself', () => {
  expect(decideBatch([{ rows: 100, leftMs: 1_000 }, ...many(3, 1_000)], gemm, 32)).toEqual([0]);
});

test('where everybody has time, the run is the one that serves most rows a millisecond, of the first who fit', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 500; round++) {
    const waiting = Array.from({ length: 1 + Math.floor(random() * 60) }, () => ({
      rows: 1 + Math.floor(random() ** 3 * 10),
      leftMs: 1e6 * (1 + random()),
    }));
    const curve = affine(random() * 3, random(), 1 << Math.floor(random() * 7));
    const rowsMax = 1 << Math.floor(random() * 8);
    const taken = decideBatch(waiting, curve, rowsMax);
    // One who is late for any run is not counted, which must not change what the others get.
    const late = decideBatch([...waiting, { rows: 1, leftMs: -1 }], curve, rowsMax);
    const rowsIn = (those: readonly number[]): number =>
      those.reduce((sum, i) => sum + (waiting[i]?.rows ?? 0), 0);
    const pace = (those: readonly number[]): number => rowsIn(those) / curve.runMs(rowsIn(those));
    expect(late).not.toContain(waiting.length);
    expect(pace(taken)).toBeGreaterThanOrEqual(pace(late) / 1.0301);
    expect(pace(late)).toBeGreaterThanOrEqual(pace(taken) / 1.0301);
  }
});

test('whatever waits, the run keeps to the size, to its order and to every deadline in it', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 2_000; round++) {
    const waiting = Array.from({ length: 1 + Math.floor(random() * 60) }, () => ({
      rows: 1 + Math.floor(random() ** 3 * 40),
      leftMs: random() * 20,
    }));
    const curve = affine(random() * 3, random(), 1 << Math.floor(random() * 7));
    const rowsMax = 1 << Math.floor(random() * 8);
    const taken = decideBatch(waiting, curve, rowsMax);
    const rows = taken.reduce((sum, i) => sum + (waiting[i]?.rows ?? 0), 0);
    if (taken.length > 1) expect(rows).toBeLessThanOrEqual(rowsMax);
    expect(taken).toEqual([...new Set(taken)].toSorted((a, b) => a - b));
    for (const i of taken) expect(curve.runMs(rows)).toBeLessThanOrEqual((waiting[i]?.leftMs ?? 0) + 1e-9);
    // Somebody who could be served is reason enough to run.
    if (taken.length === 0)
      for (const one of waiting) expect(one.leftMs).toBeLessThan(curve.runMs(one.rows) + 1e-9);
  }
});
