// The output parameter `classification`: instead of its numbers an output gives its n best classes, as BYTES `value:index[:label]`,
// as Triton writes them. The first dimension is the batch wherever there is more than one.
import { failure } from './errors.js';
import { quote, showJson } from './quote.js';
import type { Tensor } from './tensor.js';
import type { Json } from './json-integers.js';

const COMPARABLE: ReadonlySet<string> = new Set([
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP32',
  'FP64',
]);

/** `labels.txt`: one a line. */
export const readLabels = (text: string): string[] => text.replace(/\r?\n$/, '').split(/\r?\n/);

/** How many classes are wanted; undefined: the output as it is. */
export function readClassCount(output: string, value: Json | undefined): number | undefined {
  if (value === undefined || value === 0) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw failure(
    'BAD_REQUEST',
    `The parameter \`classification\` of output ${quote(output)} is ${showJson(value)}; it must be a whole number from 0.`,
  );
}

export function classify(tensor: Tensor, count: number, labels: readonly string[] = []): Tensor {
  const { name, datatype, shape, data } = tensor;
  if (!COMPARABLE.has(datatype))
    throw failure('BAD_REQUEST', `Output ${quote(name)} is ${datatype}, which has no best classes.`);
  const batch = shape.length > 1 ? (shape[0] ?? 0) : 1;
  const classes = batch === 0 ? 0 : data.length / batch;
  const best = Math.min(count, classes);
  const rows: string[] = [];
  for (let row = 0; row < batch; row++)
    for (const index of bestOf(data as ArrayLike<number | bigint>, row * classes, classes, best)) {
      const value = (data as ArrayLike<number | bigint>)[row * classes + index] ?? 0;
      const shown = datatype === 'FP32' || datatype === 'FP64' ? (value as number).toFixed(6) : String(value);
      const label = labels[index];
      rows.push(label === undefined ? `${shown}:${index}` : `${shown}:${index}:${label}`);
    }
  return { name, datatype: 'BYTES', shape: shape.length > 1 ? [batch, best] : [best], data: rows };
}

/** Up to so many are picked out in one pass; sorting 80,000 classes for the best of them took five times the run that made them. */
const PICKED_MAX = 64;

/** Highest first, of equals the first; what is no number comes last. */
function bestOf(data: ArrayLike<number | bigint>, from: number, classes: number, count: number): number[] {
  const value = (index: number): number | bigint => ranked(data[from + index]);
  if (count <= PICKED_MAX) return pick(data, from, classes, count);
  const before = (a: number, b: number): number => {
    const [x, y] = [value(a), value(b)];
    return x === y ? a - b : x > y ? -1 : 1;
  };
  return Array.from({ length: classes }, (_, index) => index)
    .toSorted(before)
    .slice(0, count);
}

const ranked = (found: number | bigint = 0): number | bigint => (Number.isNaN(found) ? -Infinity : found);

function pick(data: ArrayLike<number | bigint>, from: number, classes: number, count: number): number[] {
  const best: number[] = [];
  const values: (number | bigint)[] = [];
  let least: number | bigint | undefined;
  for (let index = 0; index < classes; index++) {
    const found = data[from + index] as number | bigint;
    // Most are passed over here, and what is no number with them.
    if (least !== undefined && !(found > least)) continue;
    const seen = ranked(found);
    let place = best.length;
    while (place > 0 && (values[place - 1] as number) < seen) place--;
    best.splice(place, 0, index);
    values.splice(place, 0, seen);
    best.length = values.length = Math.min(best.length, count);
    if (best.length === count) least = values[count - 1];
  }
  return best;
}
