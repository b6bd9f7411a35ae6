// Sequences for bench compress: a class has words of its own, a text of 32 has a few of each and most of its class. Enough for an
// LSTM and a transformer to learn in seconds, and hard enough that some texts are told wrong.
import { encoder } from '../../services/onnx/models/encoder.js';
import { sequenceClassifier } from '../../services/onnx/models/recurrent.js';
import { seeded } from '../../services/onnx/seeded.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues, int64 } from '../../services/onnx/tensor.js';
import type { Batches } from '../../services/onnx/training/tune.js';

const STEPS = 32;
const VOCABULARY = 400;
const CLASSES = 4;
const BATCH = 32;

const sizes = { vocabulary: VOCABULARY, classes: CLASSES };
export const lstmNetwork = (seed: number): Uint8Array =>
  sequenceClassifier({ ...sizes, seed, cell: 'LSTM', width: 96, hidden: 160 });
export const encoderNetwork = (seed: number): Uint8Array =>
  encoder({ ...sizes, seed, steps: STEPS, width: 128, heads: 4, layers: 2 });
export const smallEncoder = (seed: number): Uint8Array =>
  encoder({ ...sizes, seed, steps: STEPS, width: 32, heads: 4, layers: 1 });

export function texts(seed: number): Batches {
  return {
    loss: { kind: 'crossEntropy' },
    bind: { batch: BATCH, steps: STEPS },
    batch: (step) => text(seed * 10_000 + step, BATCH),
    count: 5_000,
  };
}

export const textSample = (seed: number, rows: number): Tensors => {
  const { ids, mask } = text(seed, rows);
  return { ids, mask };
};

/** Where texts begin that nothing learns from: those that are judged by, and those that something is chosen by. */
export const JUDGING = 900_000;
export const CHOOSING = 800_000;

export async function textAccuracy(model: Uint8Array, batches: number, from = JUDGING): Promise<number> {
  await using session = await openSession(model);
  let right = 0;
  for (let i = 0; i < batches; i++) {
    const { ids, mask, labels } = text(from + i, BATCH);
    const scores = floatValues((await session.run({ ids, mask }))['probabilities'] ?? float32([0], []));
    Array.from(labels.data as BigInt64Array).forEach((label, row) => {
      const own = scores.subarray(row * CLASSES, (row + 1) * CLASSES);
      if (own.indexOf(Math.max(...own)) === Number(label)) right++;
    });
  }
  return right / (batches * BATCH);
}

function text(seed: number, rows: number) {
  const random = seeded(seed);
  const labels = Array.from({ length: rows }, () => Math.floor(random.uniform() * CLASSES));
  const ids = labels.flatMap((label) =>
    Array.from({ length: STEPS }, () => {
      const own = random.uniform() < 0.22;
      const topic = own ? label : Math.floor(random.uniform() * CLASSES);
      return topic + CLASSES * Math.floor((random.uniform() * VOCABULARY) / CLASSES);
    }),
  );
  return {
    ids: int64([rows, STEPS], ids),
    mask: float32([rows, STEPS], new Float32Array(rows * STEPS).fill(1)),
    labels: int64([rows], labels),
  };
}
