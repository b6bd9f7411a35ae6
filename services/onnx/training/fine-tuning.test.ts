import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { seeded } from '../seeded.js';
import { float32, int64 } from '../tensor.js';
import { outputsOf } from '../testing/outputs.js';
import { ocrClassifier, sharedModel } from '../testing/real-models.js';
import { trainingGraph } from './training-graph.js';
import { openTraining } from './training-session.js';

const ADAM = { kind: 'adam' } as const;

test('a classifier from a file, weights in Constant nodes, learns a batch and exports what it learned', async () => {
  const forward = Graph.read(ocrClassifier());
  const input = forward.inputs[0]?.name ?? '';
  const bind = Object.fromEntries([2, 48, 192].map((size, i) => [`p2o.DynamicDimension.${i}`, size]));
  const training = trainingGraph(forward, {
    loss: { kind: 'crossEntropy' },
    optimiser: ADAM,
    batchStatistics: false,
    bind,
  });
  expect(training.state.length).toBeGreaterThan(20);
  await using session = await openTraining(training);
  const image = float32([2, 3, 48, 192], seeded(1).normals(2 * 3 * 48 * 192, 1));
  const batch = { [input]: image, labels: int64([2], [0, 1]) };
  const first = await session.step(batch, 1e-3);
  let last = first;
  for (let i = 0; i < 10; i++) last = await session.step(batch, 1e-3);
  expect(last).toBeLessThan(first / 2);
  const [answer] = Object.values(await outputsOf(session.exportModel(), { [input]: image }));
  const loss = -(Math.log(Number(answer?.data[0])) + Math.log(Number(answer?.data[3]))) / 2;
  expect(loss).toBeLessThan(first / 2);
});

const mnist = sharedModel('mnist-8.onnx');
test.skipIf(mnist === undefined)('a file of opset 8 learns', async () => {
  const forward = Graph.read(mnist ?? new Uint8Array());
  await using session = await openTraining(
    trainingGraph(forward, { loss: { kind: 'crossEntropy' }, optimiser: ADAM }),
  );
  const batch = {
    [forward.inputs[0]?.name ?? '']: float32([1, 1, 28, 28], seeded(1).normals(784, 50)),
    labels: int64([1], [7]),
  };
  const first = await session.step(batch, 1e-3);
  let last = first;
  for (let i = 0; i < 10; i++) last = await session.step(batch, 1e-3);
  expect(last).toBeLessThan(first / 2);
});
