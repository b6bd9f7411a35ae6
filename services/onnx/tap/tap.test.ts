// Taps on models made here and on a real one: callers get what they got, and the tap gives the hidden value.
import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { convolutional } from '../models/convolutional.js';
import { seeded } from '../seeded.js';
import { openSession } from '../session.js';
import { float32, floatValues } from '../tensor.js';
import { ocrClassifier } from '../testing/real-models.js';
import { logitsBehind, tapCandidates } from './candidates.js';
import { withTaps } from './suffix.js';
import { addTaps } from './tap.js';
import { tapCost, verifyTaps } from './verify.js';

const random = seeded(2);
const images = (dims: readonly number[], count: number) =>
  Array.from({ length: count }, () => ({
    data: float32(
      dims,
      random.normals(
        dims.reduce((a, b) => a * b, 1),
        1,
      ),
    ),
  }));

test('every candidate of a network can be tapped, and its answers stay as they were', async () => {
  const graph = Graph.read(
    convolutional({
      channels: 1,
      height: 8,
      width: 8,
      classes: 3,
      seed: 1,
      blocks: [{ filters: 4, kernel: 3 }, 'pool'],
      hidden: [16],
    }),
  );
  const candidates = tapCandidates(graph);
  expect(candidates.map(({ rank, width }) => [rank, width])).toEqual([
    [2, 64],
    [4, 4],
    [2, 16],
  ]);
  const logits = logitsBehind(graph, 'probabilities') ?? '';
  const tapped = addTaps(graph, [...candidates.map(({ value }) => value), logits]);
  const samples = images([2, 1, 8, 8], 20).map(({ data }) => ({ image: data }));
  expect(await verifyTaps(graph, tapped, samples)).toMatchObject({
    samples: 20,
    outputs: expect.closeTo(0, 5),
  });
  // What engines load: the signed bytes, and behind them the taps.
  const signed = graph.write();
  const served = withTaps(signed, tapped.plan);
  expect(Buffer.compare(served.subarray(0, signed.length), signed)).toBe(0);
  await using session = await openSession(served);
  const answers = await session.run(samples[0] ?? {});
  expect(tapped.outputs.map((name) => answers[name]?.dims)).toEqual([
    [2, 64],
    [2, 4],
    [2, 16],
    [2, 3],
  ]);
  const z = floatValues(answers[tapped.outputs[3] ?? ''] ?? float32([0], [])).subarray(0, 3);
  const sum = z.reduce((total, one) => total + Math.exp(one), 0);
  expect(floatValues(answers['probabilities'] ?? float32([0], []))[0]).toBeCloseTo(
    Math.exp(z[0] ?? 0) / sum,
    5,
  );
});

test('a model of another exporter is tapped too', async () => {
  const graph = Graph.read(ocrClassifier());
  const last = tapCandidates(graph).at(-1);
  const tapped = addTaps(graph, [last?.value ?? '']);
  const samples = images([1, 3, 48, 192], 5).map(({ data }) => ({ x: data }));
  const proof = await verifyTaps(graph, tapped, samples);
  expect(proof.outputs).toBeLessThanOrEqual(1e-5);
  const { fetched, unfetched } = await tapCost(graph, tapped, samples[0] ?? {}, 3);
  expect(Math.min(fetched, unfetched)).toBeGreaterThan(0);
});

test('what is no hidden value is refused, and a graph that answers otherwise too', async () => {
  const one = (seed: number) =>
    Graph.read(
      convolutional({ channels: 1, height: 4, width: 4, classes: 2, seed, blocks: [], hidden: [8] }),
    );
  expect(() => addTaps(one(1), ['nothing'])).toThrow('choose one of the tap candidates');
  const other = addTaps(one(2), [tapCandidates(one(2)).at(-1)?.value ?? '']);
  const samples = [{ image: float32([1, 1, 4, 4], random.normals(16, 1)) }];
  await expect(verifyTaps(one(1), other, samples)).rejects.toThrow('answers otherwise');
});
