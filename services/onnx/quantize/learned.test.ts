import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { float32, floatValues, int64, numberValues } from '../tensor.js';
import { multilayer } from '../models/mlp.js';
import { tuned, type Batches } from '../training/tune.js';
import { quantizeWithFeedback } from './feedback.js';
import { cheapest } from './knapsack.js';
import { quantizeMasked } from './masked.js';
import { sensitivities } from './sensitivity.js';
import { calibrated, writeStatic } from './static.js';

const ROWS = 64;
const CLASSES = 6;
const INPUTS = 24;

/** Points around six centres. */
function batch(step: number): Tensors & { x: ReturnType<typeof float32> } {
  const random = seeded(1_000 + step);
  const centres = seeded(7).normals(CLASSES * INPUTS, 0.8);
  const labels = Array.from({ length: ROWS }, () => Math.floor(random.uniform() * CLASSES));
  const values = labels.flatMap((label) =>
    Array.from({ length: INPUTS }, (_, i) => (centres[label * INPUTS + i] ?? 0) + random.normal()),
  );
  return { x: float32([ROWS, INPUTS], values), labels: int64([ROWS], labels) };
}

const batches: Batches = { loss: { kind: 'crossEntropy' }, bind: { batch: ROWS }, batch, count: 20 };
const samples = () => [0, 1, 2].map((step) => ({ x: batch(step).x }));

async function accuracy(model: Uint8Array): Promise<number> {
  await using session = await openSession(model);
  let right = 0;
  for (let step = 100; step < 110; step++) {
    const { x, labels } = batch(step);
    const scores = floatValues((await session.run({ x }))['probabilities'] ?? float32([0], []));
    numberValues(labels ?? x).forEach((label, row) => {
      const own = scores.subarray(row * CLASSES, (row + 1) * CLASSES);
      if (own.indexOf(Math.max(...own)) === label) right++;
    });
  }
  return right / (10 * ROWS);
}

const raw = multilayer({ inputs: INPUTS, hidden: [32, 16], classes: CLASSES, seed: 1 });
const learned = tuned(raw, batches, { steps: 150, rate: 5e-3 });

test('tuning learns, and the same numbers give the same bytes', async () => {
  const again = await tuned(raw, batches, { steps: 150, rate: 5e-3 });
  expect(Buffer.compare(await learned, again)).toBe(0);
  expect(await accuracy(again)).toBeGreaterThan((await accuracy(raw)) + 0.3);
});

test('the knapsack saves enough at the least cost, and takes all where that is not enough', () => {
  const items = [
    { name: 'a', saved: 50, cost: 5 },
    { name: 'b', saved: 30, cost: 1 },
    { name: 'c', saved: 25, cost: 1 },
  ];
  expect(cheapest(items, 50)).toEqual(['b', 'c']);
  expect(cheapest(items, 60)).toEqual(['a', 'b']);
  expect(cheapest(items, 1_000)).toEqual(['a', 'b', 'c']);
  expect(cheapest(items, 0)).toEqual([]);
});

test('the expected rise is smaller for more bits, and the masked model fits its share', async () => {
  const found = await calibrated(await learned, samples());
  const [four, eight] = [
    await sensitivities(found.prepared, batches, 4),
    await sensitivities(found.prepared, batches, 8),
  ];
  four.forEach(({ rise }, i) => expect(rise).toBeGreaterThan(10 * (eight[i]?.rise ?? Infinity)));
  const uniform = writeStatic(found, { exactRest: true });
  const masked = await quantizeMasked(found, batches, { share: 0.9, exactRest: true });
  const integers = ({ report }: typeof masked) => report.layers.filter(({ form }) => form === 'int4').length;
  expect(integers(masked)).toBeGreaterThan(0);
  expect(masked.report.bytesAfter).toBeLessThan(uniform.report.bytesAfter);
});

test('feedback gets back what four bits lost, and logs what it tried', async () => {
  const model = await learned;
  const graph = Graph.read(model);
  const fourBits = new Set(
    graph.proto.initializer.filter(({ dims }) => dims.length === 2).map(({ name }) => name),
  );
  const float = await accuracy(model);
  const plain = await accuracy(writeStatic(await calibrated(model, samples()), { fourBits }).model);
  const result = await quantizeWithFeedback(model, {
    measure: accuracy,
    drop: -1, // cannot be met, so that everything is tried
    batches,
    samples,
    fourBits,
    steps: 60,
    rate: 2e-3,
  });
  expect(result.met).toBe(false);
  expect(result.trials.length).toBe(4 + 1 + fourBits.size);
  expect(result.figure).toBeGreaterThanOrEqual(Math.max(plain, float - 0.02));
});
