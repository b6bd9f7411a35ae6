// Recognises a model by its weights whatever their names and order: a re-upload under another name, with channels permuted or the
// smallest weights set to 0. A push compares a new version with those that are known.
import { copyModel } from './extract.js';
import { Graph } from './graph.js';
import { weightLayers } from './quantize/layers.js';
import { elementCount, floatValues } from './tensor.js';
import { constantsToInitialisers } from './training/modes.js';

/**
 * One row for each output channel: its largest |w|, as shares of the very largest, in falling order. Sorting forgets the order of inputs, the
 * share the scale of the channel (Relu networks are the same when one layer grows and the next shrinks), and the small ones are not in it.
 */
export interface Fingerprint {
  readonly rows: readonly Float32Array[];
}

const LARGEST = 16;
/** Of short rows the smaller ones are left out: those that pruning takes. */
const SHARE_OF_ROW = 0.7;
/** Shorter rows say too little. */
const ROW_LEAST = 6;
const ROWS_MAX = 4_096;
/** Numbers that are read; the smallest layers first, which renaming and another order do not change. */
const VALUES_MAX = 16_777_216;

/** Of models without such layers it is empty. Throws MODEL_REFUSED for what is no model. */
export function fingerprintOf(model: Uint8Array): Fingerprint {
  const graph = copyModel(Graph.read(model));
  constantsToInitialisers(graph);
  const rows: Float32Array[] = [];
  const layers = weightLayers(graph).found.flatMap(({ weight, axis }) => {
    const tensor = graph.constant(weight);
    return tensor === undefined ? [] : [{ tensor, axis, size: elementCount(tensor.dims) }];
  });
  let read = 0;
  for (const { tensor, axis, size } of layers.toSorted((a, b) => a.size - b.size)) {
    read += size;
    if (read > VALUES_MAX) break;
    rows.push(...rowsOf(floatValues(tensor), tensor.dims, axis));
  }
  // Those that fall fastest are the most telling, and a choice that order and scale do not change.
  return { rows: rows.sort((a, b) => (a[1] as number) - (b[1] as number)).slice(0, ROWS_MAX) };
}

function rowsOf(values: Float32Array, dims: readonly number[], axis: number): Float32Array[] {
  const channels = dims[axis] ?? 1;
  const inner = elementCount(dims.slice(axis + 1));
  const kept = Math.min(LARGEST, Math.floor((values.length / channels) * SHARE_OF_ROW));
  if (kept < ROW_LEAST) return [];
  const rows = Array.from({ length: channels }, () => new Float32Array(kept));
  values.forEach((value, i) =>
    insert(rows[Math.floor(i / inner) % channels] as Float32Array, Math.abs(value)),
  );
  return rows.flatMap((largest) => {
    const first = largest[0] ?? 0;
    return (largest.at(-1) ?? 0) > 0 ? [largest.map((value) => value / first)] : [];
  });
}

/** Keeps the largest, in falling order. */
function insert(largest: Float32Array, value: number): void {
  let at = largest.length;
  while (at > 0 && (largest[at - 1] as number) < value) at--;
  if (at === largest.length) return;
  largest.copyWithin(at + 1, at);
  largest[at] = value;
}

/** Rounding to int8 moves a share by about 1/254 of the largest. */
const TOLERANCE = 0.006;
/** From here on two models are taken for the same; unrelated ones reach a few percent. */
export const SAME_FROM = 0.5;

/**
 * Share of the smaller fingerprint's rows that the other one has too, 0..1. Symmetric. `tolerance`: of a share; `least`: below this it may be
 * told as 0, which a push among thousands of strangers finds out from a part of the rows.
 */
export function likeness(a: Fingerprint, b: Fingerprint, tolerance = TOLERANCE, least = 0): number {
  const [few, many] = a.rows.length <= b.rows.length ? [a.rows, b.rows] : [b.rows, a.rows];
  const missedMax = few.length * (1 - least);
  let missed = 0;
  for (const row of few) if (!has(many, row, tolerance) && ++missed > missedMax) return 0;
  return few.length === 0 ? 0 : 1 - missed / few.length;
}

function has(rows: readonly Float32Array[], wanted: Float32Array, tolerance: number): boolean {
  const second = wanted[1] as number;
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (((rows[middle] as Float32Array)[1] as number) < second - tolerance) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < rows.length; i++) {
    const row = rows[i] as Float32Array;
    if ((row[1] as number) > second + tolerance) return false;
    if (isClose(row, wanted, tolerance)) return true;
  }
  return false;
}

/** From the end: there rows differ most. */
function isClose(row: Float32Array, wanted: Float32Array, tolerance: number): boolean {
  if (row.length !== wanted.length) return false;
  for (let k = row.length - 1; k >= 0; k--)
    if (Math.abs((row[k] as number) - (wanted[k] as number)) > tolerance) return false;
  return true;
}
