import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { scan } from '../scan.js';
import { seeded } from '../seeded.js';
import { openSession, type Tensors } from '../session.js';
import { float32, floatValues, int64, type Tensor } from '../tensor.js';
import { trainingGraph } from '../training/training-graph.js';
import { openTraining } from '../training/training-session.js';
import { alexNetLike, convolutional, googLeNetLike, vggLike } from './convolutional.js';
import { decoder, takeWeights } from './decoder.js';
import { encoder } from './encoder.js';
import { multilayer } from './mlp.js';
import { lineReader, sequenceClassifier } from './recurrent.js';

const BATCH = 4;
const numbers = (...dims: number[]): Tensor =>
  float32(
    dims,
    seeded(2).normals(
      dims.reduce((a, b) => a * b),
      1,
    ),
  );
const whole = (below: number, ...dims: number[]): Tensor => {
  const random = seeded(4);
  const length = dims.reduce((a, b) => a * b);
  return int64(
    dims,
    Array.from({ length }, () => Math.floor(random.uniform() * below)),
  );
};

interface Built {
  readonly make: (seed: number) => Uint8Array;
  readonly inputs: Tensors;
  readonly labels: Tensor;
  readonly answer: readonly number[];
  readonly bind?: Readonly<Record<string, number>>;
}

const picture = { channels: 3, height: 32, width: 32, classes: 5, base: 4 };
const image = numbers(BATCH, 3, 32, 32);
const labels = whole(5, BATCH);
const text = { vocabulary: 11, width: 8, classes: 5 };
const ids = whole(11, BATCH, 6);
const mask = float32(
  [BATCH, 6],
  Array.from({ length: BATCH * 6 }, (_, i) => Number(i % 6 < 5)),
);
const sizes = { batch: BATCH, steps: 6 };

const BUILT: Readonly<Record<string, Built>> = {
  'multilayer perceptron': {
    make: (seed) => multilayer({ inputs: 7, hidden: [9, 8], classes: 5, dropout: 0.1, seed }),
    inputs: { x: numbers(BATCH, 7) },
    labels,
    answer: [BATCH, 5],
  },
  'plain convolutional network': {
    make: (seed) =>
      convolutional({
        ...picture,
        blocks: [{ filters: 4, kernel: 3 }, 'norm', 'pool'],
        hidden: [16],
        dropout: 0.1,
        seed,
      }),
    inputs: { image },
    labels,
    answer: [BATCH, 5],
  },
  'network like AlexNet': {
    make: (seed) => alexNetLike({ ...picture, seed }),
    inputs: { image },
    labels,
    answer: [BATCH, 5],
  },
  'network like VGG': {
    make: (seed) => vggLike({ ...picture, seed }),
    inputs: { image },
    labels,
    answer: [BATCH, 5],
  },
  'network like GoogLeNet': {
    make: (seed) => googLeNetLike({ ...picture, seed }),
    inputs: { image },
    labels,
    answer: [BATCH, 5],
  },
  'LSTM classifier': {
    make: (seed) => sequenceClassifier({ ...text, cell: 'LSTM', hidden: 6, bothWays: true, seed }),
    inputs: { ids, mask },
    labels,
    answer: [BATCH, 5],
    bind: sizes,
  },
  'GRU classifier': {
    make: (seed) => sequenceClassifier({ ...text, cell: 'GRU', hidden: 6, dropout: 0.2, wide: true, seed }),
    inputs: { ids, mask },
    labels,
    answer: [BATCH, 5],
    bind: sizes,
  },
  'line reader': {
    make: (seed) => lineReader({ height: 8, width: 16, filters: 3, hidden: 5, classes: 5, seed }),
    inputs: { image: numbers(BATCH, 1, 8, 16) },
    labels: whole(5, BATCH, 4),
    answer: [BATCH, 4, 5],
  },
  encoder: {
    make: (seed) => encoder({ ...text, steps: 6, heads: 2, layers: 2, seed }),
    inputs: { ids, mask },
    labels,
    answer: [BATCH, 5],
  },
  decoder: {
    make: (seed) => decoder({ ...text, context: 9, heads: 2, layers: 2, seed }),
    inputs: { ids },
    labels: whole(11, BATCH, 6),
    answer: [BATCH, 6, 11],
    bind: sizes,
  },
};

test.each(Object.entries(BUILT))(
  'the %s answers, the same for the same seed, and learns a batch',
  async (_, built) => {
    const bytes = built.make(1);
    expect(built.make(1)).toEqual(bytes);
    expect(built.make(2)).not.toEqual(bytes);
    scan(bytes);
    await using served = await openSession(bytes);
    const [answer] = Object.values(await served.run(built.inputs));
    expect(answer?.dims).toEqual(built.answer);
    const training = trainingGraph(Graph.read(bytes), {
      loss: { kind: 'crossEntropy' },
      optimiser: { kind: 'adam' },
      clipNorm: 5,
      dropout: false,
      ...(built.bind === undefined ? {} : { bind: built.bind }),
    });
    expect(training.graph.nodes.every(({ domain }) => domain === '')).toBe(true);
    await using session = await openTraining(training);
    const batch = { ...built.inputs, labels: built.labels };
    const first = await session.step(batch, 0.01);
    let last = first;
    for (let i = 0; i < 40; i++) last = await session.step(batch, 0.01);
    expect(last).toBeLessThan(first / 2);
  },
);

test('a decoder that keeps what it has read says the same as one that reads all again', async () => {
  const options = { ...text, context: 9, heads: 2, layers: 2 };
  const learned = Graph.read(decoder({ ...options, seed: 1 }));
  const cached = Graph.read(decoder({ ...options, seed: 2, cache: true }));
  takeWeights(cached, learned);
  await using whole = await openSession(learned.write());
  await using stepwise = await openSession(cached.write());
  const tokens = [3, 1, 4, 1, 5];
  const { scores } = await whole.run({ ids: int64([1, 5], tokens) });
  let past: Tensors = Object.fromEntries(
    [0, 1].flatMap((i) => ['keys', 'values'].map((what) => [`past_${what}.${i}`, float32([1, 2, 0, 4], [])])),
  );
  for (const [i, token] of tokens.entries()) {
    const answer = await stepwise.run({ ids: int64([1, 1], [token]), ...past });
    const expected = floatValues(scores as Tensor).subarray(i * 11, (i + 1) * 11);
    floatValues(answer['scores'] as Tensor).forEach((value, k) =>
      expect(value).toBeCloseTo(expected[k] ?? 0, 4),
    );
    past = Object.fromEntries(
      Object.entries(answer).flatMap(([name, tensor]) =>
        name.startsWith('present') ? [[name.replace('present', 'past'), tensor]] : [],
      ),
    );
  }
});

test('an image that is too small for the network is refused', () => {
  expect(() => vggLike({ ...picture, height: 4, seed: 1 })).toThrow('too small');
});
