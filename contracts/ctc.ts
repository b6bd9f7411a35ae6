// Greedy CTC decoding: the best class of every step, repetitions merged, blanks dropped. Class 0 is the blank, then come the
// characters of the version's labels, last a space. Clients read a line with it, engines the lines of a pipeline.
import { failure } from './errors.js';
import type { Tensor } from './tensor.js';

export interface CtcText {
  readonly text: string;
  /** Mean score of the characters; 0 where there is none. */
  readonly score: number;
}

/** One text a row of a table [rows, steps, classes]. */
export function ctcTexts({ name, shape, data }: Tensor, labels: readonly string[]): CtcText[] {
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
  const rowLength = classes * (shape.at(-2) ?? 0);
  return Array.from({ length: shape.length > 2 ? (shape[0] ?? 0) : 1 }, (_, row) =>
    readRow(data.subarray(row * rowLength, (row + 1) * rowLength), classes, alphabet),
  );
}

function readRow(data: Float32Array, classes: number, alphabet: readonly string[]): CtcText {
  let text = '';
  let previous = 0;
  let sum = 0;
  let characters = 0;
  for (let step = 0; step < data.length; step += classes) {
    let best = 0;
    for (let i = 1; i < classes; i++) {
      if ((data[step + i] ?? 0) > (data[step + best] ?? 0)) best = i;
    }
    if (best !== previous && best !== 0) {
      text += alphabet[best] ?? '';
      sum += data[step + best] ?? 0;
      characters++;
    }
    previous = best;
  }
  return { text, score: characters === 0 ? 0 : sum / characters };
}
