// Greedy CTC decoding: the best class of every step, repetitions merged, blanks dropped. Class 0 is the blank, then come the
// characters of the version's labels, last a space.
import { failure } from '../../contracts/errors.js';
import type { Tensor } from '../../contracts/tensor.js';

export function ctcText({ name, shape, data }: Tensor, labels: readonly string[]): string {
  const classes = shape.at(-1) ?? 0;
  if (!(data instanceof Float32Array) || classes < 2) {
    throw failure('BAD_REQUEST', `The output ${name} is no FP32 table of steps and classes.`);
  }
  const alphabet = ['', ...labels, ' '];
  if (alphabet.length !== classes) {
    throw failure(
      'BAD_REQUEST',
      `The labels give ${alphabet.length} classes with blank and space, the model has ${classes}: push it with its own labels.`,
    );
  }
  let text = '';
  let previous = 0;
  for (let step = 0; step < data.length; step += classes) {
    let best = 0;
    for (let i = 1; i < classes; i++) {
      if ((data[step + i] ?? 0) > (data[step + best] ?? 0)) best = i;
    }
    if (best !== previous) text += alphabet[best] ?? '';
    previous = best;
  }
  return text;
}
