// How far the answer of a shadow is from the real one: the largest difference in parts of the real answer's scale, and whether both
// would name the same classes. Pure; the mirror asks.
import { decodeInferResponse } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';

export interface Comparison {
  /** Infinity where the answers have not the same form. */
  readonly difference: number;
  readonly sameLabels: boolean;
}

interface AnswerBytes {
  readonly bytes: Uint8Array;
  readonly jsonLength: number | undefined;
}

const OTHER: Comparison = { difference: Number.POSITIVE_INFINITY, sameLabels: false };

/** Throws for what is no answer at all. */
export function compareAnswers(real: AnswerBytes, shadow: AnswerBytes): Comparison {
  const ours = decodeInferResponse(real.bytes, real.jsonLength).outputs;
  const theirs = new Map(
    decodeInferResponse(shadow.bytes, shadow.jsonLength).outputs.map((output) => [output.name, output]),
  );
  let difference = 0;
  let sameLabels = true;
  for (const output of ours) {
    const other = theirs.get(output.name);
    if (!other || !sameForm(output, other)) return OTHER;
    const one = compareTensors(output, other);
    difference = Math.max(difference, one.difference);
    sameLabels &&= one.sameLabels;
  }
  return { difference, sameLabels };
}

const sameForm = (a: Tensor, b: Tensor): boolean =>
  a.datatype === b.datatype && a.data.length === b.data.length && String(a.shape) === String(b.shape);

function compareTensors(real: Tensor, shadow: Tensor): Comparison {
  const isFloat = real.datatype === 'FP32' || real.datatype === 'FP64';
  if (!isFloat) {
    // Whole numbers, texts and bits are labels themselves: they are equal or they are not.
    const same = Array.from(real.data as ArrayLike<unknown>, String).every(
      (value, i) => value === String(shadow.data[i]),
    );
    return { difference: same ? 0 : 1, sameLabels: same };
  }
  const a = real.data as Float32Array;
  const b = shadow.data as Float32Array;
  let scale = 0;
  let apart = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (Object.is(x, y)) continue;
    // What is no number on one side only is as far away as can be.
    const distance = Math.abs(x - y);
    apart = Math.max(apart, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
  }
  for (const value of a) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  const classes = real.shape.at(-1) ?? 1;
  return {
    difference: apart === 0 ? 0 : apart / (scale || 1),
    sameLabels: classes < 2 || sameArgMax(a, b, classes),
  };
}

function sameArgMax(a: Float32Array, b: Float32Array, classes: number): boolean {
  for (let row = 0; row < a.length; row += classes)
    if (argMax(a, row, classes) !== argMax(b, row, classes)) return false;
  return true;
}

function argMax(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++)
    if ((values[from + i] as number) > (values[from + best] as number)) best = i;
  return best;
}
