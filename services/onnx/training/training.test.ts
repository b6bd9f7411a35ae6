import { expect, test } from 'vitest';
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { bool, float32, floatValues, int64, numberValues, type Tensor } from '../tensor.js';
import { mlp } from '../testing/mlp.js';
import type { Optimiser } from './optimiser.js';
import { repeated } from './repeated.js';
import { trainingGraph, type TrainingOptions } from './training-graph.js';
import { openTraining } from './training-session.js';

/** x [batch, 2] to two classes: inside or outside a circle, which no straight line separates. */
function circle(): Graph {
  const g = new GraphBuilder({ opset: 17 });
  const random = seeded(3);
  const x = g.input('x', T.FLOAT, ['batch', 2]);
  const w1 = g.constant('w1', float32([2, 16], random.normals(32, 1)));
  const b1 = g.constant('b1', float32([16], random.normals(16, 0.1)));
  const w2 = g.constant('w2', float32([16, 2], random.normals(32, 0.3)));
  const b2 = g.constant('b2', float32([2], [0, 0]));
  const h = g.op('Tanh', [g.op('Gemm', [x, w1, b1])]);
  g.output(g.op('Softmax', [g.op('Gemm', [h, w2, b2])], { axis: 1 }), T.FLOAT, ['batch', 2], 'y');
  return Graph.read(g.bytes());
}

function circleBatch(seed: number, rows = 32): { x: Tensor; labels: Tensor } {
  const random = seeded(seed);
  const x = random.normals(rows * 2, 1);
  const inside = Array.from({ length: rows }, (_, i) =>
    (x[2 * i] ?? 0) ** 2 + (x[2 * i + 1] ?? 0) ** 2 < 1.4 ? 1 : 0,
  );
  return { x: float32([rows, 2], x), labels: int64([rows], inside) };
}

const options = (optimiser: Optimiser, more: Partial<TrainingOptions> = {}): TrainingOptions => ({
  loss: { kind: 'crossEntropy' },
  optimiser,
  ...more,
});

const MOMENTUM: Optimiser = { kind: 'sgd', momentum: 0.9 };

async function train(graph: Graph, how: TrainingOptions, steps: number, rate: number) {
  await using session = await openTraining(trainingGraph(graph, how));
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(await session.step(circleBatch(i), rate));
  return { losses, model: session.exportModel(), checkpoint: session.checkpoint() };
}

async function accuracy(model: Uint8Array): Promise<number> {
  await using session = await openSession(model);
  const { x, labels } = circleBatch(999, 400);
  const { y } = await session.run({ x });
  const scores = floatValues(y as Tensor);
  const right = numberValues(labels).map(
    (label, i) => Number((scores[2 * i + 1] ?? 0) > (scores[2 * i] ?? 0)) === label,
  );
  return right.filter(Boolean).length / right.length;
}

test.each<[string, Optimiser, number]>([
  ['plain descent', { kind: 'sgd' }, 0.5],
  ['momentum', MOMENTUM, 0.1],
  ["Nesterov's momentum", { kind: 'sgd', momentum: 0.9, nesterov: true }, 0.1],
  ['Adam', { kind: 'adam' }, 0.02],
  ['AdamW', { kind: 'adamw' }, 0.02],
])(
  '%s learns what no straight line separates, and the exported model knows it',
  async (_, optimiser, rate) => {
    const { losses, model } = await train(circle(), options(optimiser, { weightDecay: 1e-3 }), 300, rate);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    expect(await accuracy(circle().write())).toBeLessThan(0.8);
    expect(await accuracy(model)).toBeGreaterThan(0.92);
  },
);

test('momentum moves the weights as its formula says', async () => {
  // y = w x with the loss (w x - t)^2: everything can be computed by hand.
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [1, 1]);
  g.output(g.op('MatMul', [x, g.constant('w', float32([1, 1], [2]))]), T.FLOAT, [1, 1], 'y');
  const how = { loss: { kind: 'squares' }, optimiser: MOMENTUM } as const;
  await using session = await openTraining(trainingGraph(Graph.read(g.bytes()), how));
  let [w, m] = [2, 0];
  for (let i = 0; i < 3; i++) {
    const loss = await session.step({ x: float32([1, 1], [0.5]), targets: float32([1, 1], [3]) }, 0.1);
    expect(loss).toBeCloseTo((w * 0.5 - 3) ** 2, 5);
    m = 0.9 * m + 2 * (w * 0.5 - 3) * 0.5;
    w -= 0.1 * m;
    expect(floatValues(session.checkpoint().state['w'] as Tensor)[0]).toBeCloseTo(w, 5);
  }
});

test('Adam moves the weights as its formula says', async () => {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [1, 1]);
  g.output(g.op('MatMul', [x, g.constant('w', float32([1, 1], [2]))]), T.FLOAT, [1, 1], 'y');
  const how = { loss: { kind: 'squares' }, optimiser: { kind: 'adamw' }, weightDecay: 0.01 } as const;
  await using session = await openTraining(trainingGraph(Graph.read(g.bytes()), how));
  let [w, m, v] = [2, 0, 0];
  for (let t = 1; t <= 3; t++) {
    await session.step({ x: float32([1, 1], [0.5]), targets: float32([1, 1], [3]) }, 0.1);
    const gradient = 2 * (w * 0.5 - 3) * 0.5;
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient ** 2;
    w -= (0.1 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8) + 0.1 * 0.01 * w;
    expect(floatValues(session.checkpoint().state['w'] as Tensor)[0]).toBeCloseTo(w, 5);
  }
});

test('several steps in one run end where single steps end', async () => {
  const how = options({ kind: 'adam' }, { bind: { batch: 32 }, clipNorm: 1 });
  const single = await train(circle(), how, 4, 0.02);
  await using session = await openTraining(repeated(trainingGraph(circle(), how), 4));
  const batches = [0, 1, 2, 3].map((seed) => circleBatch(seed));
  const stacked: Tensors = {
    x: float32(
      [4, 32, 2],
      batches.flatMap(({ x }) => [...floatValues(x)]),
    ),
    labels: int64(
      [4, 32],
      batches.flatMap(({ labels }) => numberValues(labels)),
    ),
  };
  const losses = await session.run(stacked, [0.02, 0.02, 0.02, 0.02]);
  expect([...losses]).toEqual(single.losses.map((loss) => expect.closeTo(loss, 5) as number));
  expect(session.stepCount).toBe(4);
  const [a, b] = [session.checkpoint().state, single.checkpoint.state];
  for (const name of Object.keys(b)) {
    const apart = floatValues(a[name] as Tensor).map((value, i) =>
      Math.abs(value - Number(b[name]?.data[i])),
    );
    expect(Math.max(...apart)).toBeLessThan(1e-5);
  }
});

test('training restored from a checkpoint ends with the very same weights', async () => {
  const how = options({ kind: 'adam' });
  const whole = await train(circle(), how, 6, 0.02);
  const half = await train(circle(), how, 3, 0.02);
  await using session = await openTraining(trainingGraph(circle(), how));
  session.restore(half.checkpoint);
  for (let i = 3; i < 6; i++) await session.step(circleBatch(i), 0.02);
  expect(session.exportModel()).toEqual(whole.model);
});

test('frozen weights stay, masked weights are and stay zero, gradients are no longer than the limit', async () => {
  const mask = float32(
    [16, 2],
    Array.from({ length: 32 }, (_, i) => i % 2),
  );
  const how = options(
    { kind: 'sgd' },
    { frozen: ['w1', 'b1'], masks: new Map([['w2', mask]]), clipNorm: 0.01 },
  );
  const { checkpoint } = await train(circle(), how, 1, 1);
  expect(Object.keys(checkpoint.state)).toEqual(['w2', 'b2']);
  const before = floatValues(circle().constant('w2') as Tensor);
  const after = floatValues(checkpoint.state['w2'] as Tensor);
  const bias = floatValues(checkpoint.state['b2'] as Tensor);
  let squares = [...bias].reduce((sum, value) => sum + value ** 2, 0);
  after.forEach((value, i) => {
    if (i % 2 === 0) expect(Math.abs(value)).toBe(0);
    else squares += (value - (before[i] ?? 0)) ** 2;
  });
  expect(Math.sqrt(squares)).toBeCloseTo(0.01, 4);
});

test('a loss that is no number stops training with the step, and the weights before it stay', async () => {
  await using session = await openTraining(trainingGraph(circle(), options({ kind: 'sgd' })));
  await session.step(circleBatch(0), 0.1);
  const good = session.checkpoint();
  const bad = { ...circleBatch(1), x: float32([32, 2], new Float32Array(64).fill(Number.NaN)) };
  await expect(session.step(bad, 0.1)).rejects.toMatchObject({ code: 'MODEL_FAILED', fields: { step: 2 } });
  expect(session.checkpoint()).toEqual(good);
});

test('a batch without its labels is refused by name', async () => {
  await using session = await openTraining(trainingGraph(circle(), options({ kind: 'sgd' })));
  await expect(session.step({ x: circleBatch(0).x }, 0.1)).rejects.toMatchObject({
    code: 'TENSOR_MISMATCH',
    message: expect.stringContaining('labels') as string,
  });
});

test('an operator without a gradient between weights and loss is refused by name', () => {
  const g = new GraphBuilder({ opset: 21 });
  const x = g.input('x', T.FLOAT, [1, 4]);
  const product = g.op('MatMul', [x, g.constant('w', float32([4, 4], new Float32Array(16)))]);
  g.output(g.op('Det', [product]), T.FLOAT, [], 'y');
  const how = { loss: { kind: 'value', value: 'y' }, optimiser: { kind: 'sgd' } } as const;
  expect(() => trainingGraph(Graph.read(g.bytes()), how)).toThrow('Det has no gradient');
});

test('a graph in which nothing can learn is refused', () => {
  const how = options({ kind: 'sgd' }, { parameters: [] });
  expect(() => trainingGraph(circle(), how)).toThrow('no weight that may learn');
  expect(() => trainingGraph(circle(), options({ kind: 'sgd' }, { parameters: ['w9'] }))).toThrow('"w9"');
});

test('training graphs hold standard operators alone', () => {
  const { graph } = trainingGraph(Graph.read(mlp(1)), options(MOMENTUM));
  expect(new Set(graph.nodes.map(({ domain }) => domain))).toEqual(new Set(['']));
});

test('batch norms learn the statistics of the data, and Dropout drops in training alone', async () => {
  const g = new GraphBuilder({ opset: 17 });
  const x = g.input('x', T.FLOAT, ['batch', 2]);
  const ones = (name: string, value: number) => g.constant(name, float32([2], [value, value]));
  const normal = g.op('BatchNormalization', [
    x,
    ones('scale', 1),
    ones('bias', 0),
    ones('mean', 0),
    ones('var', 1),
  ]);
  const dropped = g.op('Dropout', [normal, g.float(0.5), g.constant('off', bool([], [false]))]);
  g.output(
    g.op('MatMul', [dropped, g.constant('w', float32([2, 2], [1, 0, 0, 1]))]),
    T.FLOAT,
    ['batch', 2],
    'y',
  );
  await using session = await openTraining(trainingGraph(Graph.read(g.bytes()), options({ kind: 'sgd' })));
  const random = seeded(5);
  for (let i = 0; i < 60; i++) {
    const shifted = random.normals(128, 2).map((value) => value + 5);
    await session.step(
      {
        x: float32([64, 2], shifted),
        labels: int64(
          [64],
          Array.from({ length: 64 }, () => 0),
        ),
      },
      0,
    );
  }
  const { state } = session.checkpoint();
  for (const value of floatValues(state['mean'] as Tensor)) expect(Math.abs(value - 5)).toBeLessThan(0.5);
  for (const value of floatValues(state['var'] as Tensor)) expect(Math.abs(value - 4)).toBeLessThan(1);
  expect(Graph.read(session.exportModel()).constant('mean')).toEqual(state['mean']);
});

test('the running average of a weight is what its formula says, and the model that learns does not change for it', async () => {
  const graph = trainingGraph(circle(), options(MOMENTUM, { average: 0.9 }));
  await using session = await openTraining(graph);
  const weights = () => floatValues(session.checkpoint().state['w1'] as Tensor).slice();
  let expected = Array.from(weights());
  for (let step = 1; step <= 12; step++) {
    await session.step(circleBatch(step), 0.1);
    const keep = Math.min(0.9, step / (step + 9));
    const now = weights();
    expected = expected.map((before, i) => keep * before + (1 - keep) * (now[i] ?? 0));
  }
  floatValues(session.averaged()['w1'] as Tensor).forEach((value, i) =>
    expect(value).toBeCloseTo(expected[i] ?? NaN, 5),
  );
  const plain = await train(circle(), options(MOMENTUM), 3, 0.1);
  const averaged = await train(circle(), options(MOMENTUM, { average: 0.9 }), 3, 0.1);
  expect(averaged.losses).toEqual(plain.losses);
  expect(averaged.model).toEqual(plain.model);
});
