import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { LatencyCurve, ROW_RUNGS } from './latency-curve.js';
import { LearnedCurves } from './learned-curves.js';

const curve = (...ms: number[]) => new LatencyCurve(ms.map((runMs, i) => ({ rows: 2 ** i, runMs })));
const learn = (
  learned: LatencyCurve,
  runMs: (rows: number) => number,
  sizes: readonly number[],
  runs = 300,
) => {
  for (let i = 0; i < runs; i++) {
    const rows = sizes[i % sizes.length] ?? 1;
    learned.observe(rows, { inferMs: runMs(rows), handlingMs: 0 }, i);
  }
};

test('a model whose run costs the same for any batch wants the largest it may try', () => {
  expect(curve(1, 1, 1, 1, 1, 1).bestRun).toBe(64);
});

test('a model that pays per item, as convolutions do, keeps to single requests', () => {
  expect(curve(0.81, 1.6, 3.05, 7.4, 18, 40).bestRun).toBe(1);
});

test('a batch that gains less than the noise is not taken', () => {
  expect(curve(1, 1.97, 3.9).bestRun).toBe(1);
});

test('a slow size in between stops nothing', () => {
  expect(curve(1, 2.2, 1.9, 3.8, 7.6).bestRun).toBe(8);
});

test('without timings a request runs alone', () => {
  expect(new LatencyCurve([]).bestRun).toBe(1);
});

test('sizes between rungs lie on the line, beyond the last on its slope, and more rows never take less', () => {
  const known = curve(1, 2, 3);
  expect(known.runMs(3)).toBeCloseTo(2.5);
  expect(known.runMs(8)).toBeCloseTo(5);
  const random = seededRandom(3);
  for (let i = 0; i < 500; i++) {
    const cost = { inferMs: random() * 10, handlingMs: random() };
    known.observe(1 + Math.floor(random() * known.triedMax), cost, i);
    const times = ROW_RUNGS.map((rows) => known.runMs(rows));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every((ms) => ms > 0 && Number.isFinite(ms))).toBe(true);
  }
});

test('a point says what of a run is the model alone: joining rows and writing answers is the rest', () => {
  const known = curve(1, 1.2);
  for (let i = 0; i < 100; i++) known.observe(2, { inferMs: 1.2, handlingMs: 0.5 }, i);
  const [, two] = known.points();
  expect(two?.inferMs).toBeCloseTo(1.2);
  expect(two?.runMs).toBeCloseTo(1.7);
});

test('it follows what runs really take, whatever warm-up said', () => {
  const learned = curve(1, 2, 4, 8, 16);
  learn(learned, (rows) => 2 + 0.1 * rows, [1, 2, 4, 8, 16]);
  for (const rows of [1, 2, 4, 8, 16]) expect(learned.runMs(rows) / (2 + 0.1 * rows)).toBeCloseTo(1, 1);
  expect(learned.bestRun).toBeGreaterThanOrEqual(16);
  learn(learned, (rows) => 2 * rows, [1, 2, 4, 8, 16]);
  expect(learned.bestRun).toBe(1);
});

test('sizes beyond those known become known by being run', () => {
  const learned = curve(1, 1.1, 1.3, 1.7);
  expect(learned.triedMax).toBe(16);
  learn(learned, (rows) => 0.9 + 0.1 * rows, [16]);
  learn(learned, (rows) => 0.9 + 0.1 * rows, [32]);
  expect(learned.knownRows).toBe(32);
  expect(learned.runMs(32)).toBeCloseTo(4.1, 0);
});

test('that answers cost as much a row in a large run is found out within some runs', () => {
  const learned = curve(1, 1.2, 1.6, 2.4);
  for (let i = 0; i < 20; i++) learned.observe(1, { inferMs: 1, handlingMs: 4 }, i);
  for (let i = 0; i < 10; i++) learned.observe(8, { inferMs: 2.4, handlingMs: 32 }, i);
  expect(learned.bestRun).toBe(1);
  expect(learned.runMs(4)).toBeCloseTo(17.6, 0);
});

test('five sizes that find warm-up too quick do not make the sixth look slower than they are', () => {
  const learned = curve(1, 1, 1, 1, 1, 1, 1);
  for (const rows of [1, 2, 4, 8, 16]) learn(learned, () => 3, [rows], 200);
  expect(learned.runMs(64)).toBeGreaterThan(2);
  expect(learned.runMs(64)).toBeLessThan(4);
  expect(learned.bestRun).toBeGreaterThanOrEqual(64);
});

test('no size is tried that would hold up everybody', () => {
  expect(curve(10, 15, 20).triedMax).toBe(8);
  expect(curve(100, 150).triedMax).toBe(2);
});

test('the first requests, whose handling runs through cold code, do not make a model look best alone', () => {
  const learned = curve(0.06, 0.06, 0.06, 0.1, 0.14, 0.24, 0.47);
  learned.observe(1, { inferMs: 0.06, handlingMs: 11 }, 0);
  for (let i = 1; i < 4; i++) learned.observe(1, { inferMs: 0.1, handlingMs: 0.02 }, i);
  expect(learned.bestRun).toBeGreaterThanOrEqual(8);
  expect(learned.runMs(1)).toBeLessThan(0.2);
});

test('one preempted run is no news', () => {
  const learned = curve(1, 1.2, 1.6);
  learned.observe(1, { inferMs: 500, handlingMs: 0 }, 0);
  expect(learned.runMs(1)).toBeLessThan(1.2);
});

test('a machine that got slower did so for sizes that do not run', () => {
  const learned = curve(1, 2, 4);
  learn(learned, () => 3, [1], 200);
  expect(learned.runMs(1)).toBeCloseTo(3, 1);
  expect(learned.runMs(4)).toBeGreaterThan(6);
});

test('a machine that is slow and quick by turns makes no size look better than the one that runs', () => {
  const learned = curve(10, 20, 40, 80);
  const best = new Set<number>();
  for (let i = 0; i < 2_000; i++) {
    learned.observe(1, { inferMs: i % 50 < 25 ? 25 : 10, handlingMs: 0 }, i);
    best.add(learned.bestRun);
  }
  expect([...best]).toEqual([1]);
});

test('shapes have curves of their own, bounded in number, the first guess by their size', () => {
  const curves = new LearnedCurves([{ rows: 1, runMs: 2 }], 100);
  expect(curves.of('wide', 200).runMs(1)).toBeCloseTo(4);
  curves.of('wide', 200).observe(1, { inferMs: 8, handlingMs: 0 }, 0);
  expect(curves.of('narrow', 100).runMs(1)).toBeLessThan(curves.of('wide', 200).runMs(1));
  const wide = curves.of('wide', 200);
  for (let i = 0; i < 40; i++) curves.of(`other ${i}`, 100);
  expect(curves.of('wide', 200)).not.toBe(wide);
});

test('a guess from another shape is corrected by its first run, however far off it was', () => {
  const curves = new LearnedCurves([{ rows: 1, runMs: 2 }], 64);
  const large = curves.of('large', 200_000);
  expect(large.runMs(1)).toBeGreaterThan(5_000);
  large.observe(1, { inferMs: 3, handlingMs: 0 }, 0);
  expect(large.runMs(1)).toBeCloseTo(3);
});
