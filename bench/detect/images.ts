// Digits for bench detect, in parts that do not overlap: to learn from, to be the reference, to be the stream. And letters, which are no
// digits, where they lie beside the checkout.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../../deploy/local/root.mjs';
import { seeded } from '../../services/onnx/seeded.js';
import { float32, int64 } from '../../services/onnx/tensor.js';
import type { Batches } from '../../services/onnx/training/tune.js';
import { digitImages } from '../../services/onnx/data/package-source.js';

export const PIXELS = 784;
const BATCH = 64;
const SHARED = join(root, '..', 'shared', 'data');

export interface DetectImages {
  readonly batches: Batches;
  readonly training: readonly Float32Array[];
  /** Never learned from: what the baseline is made of, and what comes as the stream. */
  readonly reference: readonly Float32Array[];
  readonly stream: readonly Float32Array[];
  readonly streamLabels: readonly number[];
  readonly heldOut: string;
  /** notMNIST; undefined where the file is not there. */
  readonly letters: readonly Float32Array[] | undefined;
}

interface Example {
  readonly pixels: Float32Array;
  readonly label: number;
}

/** Pixels are shares of 255. `most` bounds the reference and the stream each. */
export async function detectImages(seed: number, most: number): Promise<DetectImages> {
  const all: Example[] = [];
  for await (const pictures of digitImages().read())
    for (const { pixels, label } of pictures) all.push({ pixels: shares(pixels), label: Number(label) });
  const shuffled = inRandomOrder(all, seed);
  const official = mnistTest();
  const held = inRandomOrder(official ?? shuffled.slice(0, 4_000), seed + 1);
  const learned = official === undefined ? shuffled.slice(4_000) : shuffled;
  const half = Math.min(most, held.length >> 1);
  const stream = held.slice(half, 2 * half);
  return {
    batches: {
      loss: { kind: 'crossEntropy' },
      bind: { batch: BATCH },
      count: Math.floor(learned.length / BATCH),
      batch: (step) => batchOf(learned.slice(step * BATCH, (step + 1) * BATCH)),
    },
    training: learned.map(({ pixels }) => pixels),
    reference: held.slice(0, half).map(({ pixels }) => pixels),
    stream: stream.map(({ pixels }) => pixels),
    streamLabels: stream.map(({ label }) => label),
    heldOut: official === undefined ? 'held-out digits of the package' : 'official test digits',
    letters: images('notmnist-t10k-images-idx3-ubyte.gz')?.slice(0, 2_000),
  };
}

const inRandomOrder = (examples: readonly Example[], seed: number): Example[] => {
  const random = seeded(seed);
  return examples
    .map((example) => ({ example, key: random.uniform() }))
    .sort((a, b) => a.key - b.key)
    .map(({ example }) => example);
};

const shares = (pixels: Uint8Array): Float32Array => Float32Array.from(pixels, (value) => value / 255);

function batchOf(examples: readonly Example[]) {
  const data = new Float32Array(examples.length * PIXELS);
  examples.forEach(({ pixels }, i) => data.set(pixels, i * PIXELS));
  return {
    image: float32([examples.length, 1, 28, 28], data),
    labels: int64(
      [examples.length],
      examples.map(({ label }) => label),
    ),
  };
}

/** Behind the 16 bytes of an IDX head. */
function images(file: string): Float32Array[] | undefined {
  const path = join(SHARED, file);
  if (!existsSync(path)) return undefined;
  const bytes = gunzipSync(readFileSync(path)).subarray(16);
  return Array.from({ length: bytes.length / PIXELS }, (_, i) =>
    shares(bytes.subarray(i * PIXELS, (i + 1) * PIXELS)),
  );
}

function mnistTest(): Example[] | undefined {
  const found = images('mnist-t10k-images-idx3-ubyte.gz');
  if (found === undefined) return undefined;
  const labels = gunzipSync(readFileSync(join(SHARED, 'mnist-t10k-labels-idx1-ubyte.gz'))).subarray(8);
  return found.map((pixels, i) => ({ pixels, label: labels[i] ?? 0 }));
}
