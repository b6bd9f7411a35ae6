import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import type { Tensors } from '../session.js';
import { float32, floatValues, int64, numberValues, type Tensor } from '../tensor.js';
import type { Loss } from './loss.js';
import { trainingGraph } from './training-graph.js';
import { openTraining } from './training-session.js';

/** x [4, 3] to scores [4, 3] through the weights under test. */
function linear(ending?: 'Softmax' | 'Sigmoid'): Graph {
  const g = new GraphBuilder({ opset: 21 });
  const w = g.constant('w', float32([3, 3], seeded(1).normals(9, 1)));
  const scores = g.op('MatMul', [g.input('x', T.FLOAT, ['batch', 3]), w], {}, { outputs: ['scores'] });
  g.output(ending === undefined ? scores : g.op(ending, [scores]), T.FLOAT, ['batch', 3], 'y');
  return Graph.read(g.bytes());
}

const x = float32([4, 3], seeded(2).normals(12, 1));
const targets = float32([4, 3], [0.2, 0.3, 0.5, 0, 1, 0, 0.1, 0.1, 0.8, 0.6, 0.4, 0]);
const labels = int64([4], [0, 2, 1, 2]);

const LOSSES: [string, Loss, Tensors, ('Softmax' | 'Sigmoid')?][] = [
  ['cross-entropy', { kind: 'crossEntropy' }, { labels }],
  ['cross-entropy of probabilities', { kind: 'crossEntropy' }, { labels }, 'Softmax'],
  ['smoothed cross-entropy', { kind: 'crossEntropy', smoothing: 0.1 }, { labels }],
  ['weighted cross-entropy', { kind: 'crossEntropy', classWeights: [1, 2, 3], ignoredLabel: 1 }, { labels }],
  ['divergence from soft targets', { kind: 'softTargets', temperature: 4 }, { targets }],
  ['squares', { kind: 'squares' }, { targets }],
  ['Huber, errors on both sides of delta', { kind: 'huber', delta: 1.5 }, { targets }],
  ['binary cross-entropy', { kind: 'binary' }, { targets }, 'Sigmoid'],
  ['cosine', { kind: 'cosine' }, { targets }],
  [
    'distillation, a sum of two',
    {
      kind: 'sum',
      parts: [
        { weight: 0.9, loss: { kind: 'softTargets', temperature: 2 } },
        { weight: 0.1, loss: { kind: 'crossEntropy' } },
      ],
    },
    { targets, labels },
  ],
];

test.each<(typeof LOSSES)[number]>(LOSSES)(
  'the gradient of %s is what differences say',
  async (_, loss, wanted, ending) => {
    const training = trainingGraph(linear(ending), { loss, optimiser: { kind: 'sgd' } });
    await using session = await openTraining(training);
    const start = session.checkpoint();
    const weights = numberValues(start.state['w'] as Tensor);
    const batch = { x, ...wanted };
    const lossAt = async (values: readonly number[]): Promise<number> => {
      session.restore({ stepCount: 0, state: { w: float32([3, 3], values) } });
      return session.step(batch, 0);
    };
    const expected: number[] = [];
    for (let i = 0; i < weights.length; i++) {
      const at = (offset: number) => lossAt(weights.with(i, (weights[i] ?? 0) + offset));
      const near = (await at(0.05)) - (await at(-0.05));
      const far = (await at(0.1)) - (await at(-0.1));
      expected.push((8 * near - far) / 0.6);
    }
    session.restore(start);
    await session.step(batch, 1);
    const after = floatValues(session.checkpoint().state['w'] as Tensor);
    const largest = Math.max(...expected.map(Math.abs));
    weights.forEach((weight, i) =>
      expect(Math.abs(weight - (after[i] ?? 0) - (expected[i] ?? 0)) / largest).toBeLessThan(1e-3),
    );
  },
);

test('the values of losses are those of their formulas', async () => {
  const scores = rows(x).map((row) =>
    rows(linear().constant('w') as Tensor).reduce(
      (sum, column, k) => sum.map((value, j) => value + (row[k] ?? 0) * (column[j] ?? 0)),
      [0, 0, 0],
    ),
  );
  const picked = numberValues(labels).map((label, i) => {
    const row = scores[i] ?? [];
    return Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - (row[label] ?? 0);
  });
  expect(await valueOf({ kind: 'crossEntropy' }, { labels })).toBeCloseTo(mean(picked), 4);
  const squares = scores.flat().map((value, i) => (value - (numberValues(targets)[i] ?? 0)) ** 2);
  expect(await valueOf({ kind: 'squares' }, { targets })).toBeCloseTo(mean(squares), 3);
});

async function valueOf(loss: Loss, wanted: Tensors): Promise<number> {
  await using session = await openTraining(trainingGraph(linear(), { loss, optimiser: { kind: 'sgd' } }));
  return await session.step({ x, ...wanted }, 0);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function rows(tensor: Tensor): number[][] {
  const values = numberValues(tensor);
  return Array.from({ length: values.length / 3 }, (_, i) => values.slice(3 * i, 3 * i + 3));
}
