// Inputs that are not what a model is for, made of those that are: what a score is chosen by when nobody has real ones. Far ones keep
// no structure, near ones most of it.
import type { Random } from '../../mesh/random.js';

export const SURROGATES = ['noise', 'shuffled', 'mirrored', 'mixed', 'patched'] as const;
export type Surrogate = (typeof SURROGATES)[number];

/** Same length as the input. `other` is another reference input, to mix with. */
export function surrogate(
  kind: Surrogate,
  input: Float32Array,
  other: Float32Array,
  random: Random,
): Float32Array {
  if (kind === 'noise') return input.map(() => input[Math.floor(random() * input.length)] as number);
  if (kind === 'shuffled') return shuffledBlocks(input, random);
  if (kind === 'mirrored') return input.toReversed();
  if (kind === 'mixed') return input.map((value, i) => (value + (other[i] ?? value)) / 2);
  return patched(input, other, random);
}

/** Sixteen parts of the input in another order: local structure stays, the whole goes. */
function shuffledBlocks(input: Float32Array, random: Random): Float32Array {
  const parts = 16;
  const order = Array.from({ length: parts }, (_, i) => ({ i, key: random() })).sort((a, b) => a.key - b.key);
  const size = Math.ceil(input.length / parts);
  const out = new Float32Array(input.length);
  let at = 0;
  for (const { i } of order) {
    const part = input.subarray(i * size, (i + 1) * size);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The middle third of another input in the place of its own. */
function patched(input: Float32Array, other: Float32Array, random: Random): Float32Array {
  const out = input.slice();
  const from = Math.floor((input.length / 3) * (0.75 + random() / 2));
  out.set(other.subarray(from, from + Math.floor(input.length / 3)), from);
  return out;
}
