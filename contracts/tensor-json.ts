// Tensor elements as JSON, both ways: nested rows or one flat row-major array in, one flat array out. Nothing is coerced:
// a text is no number, 1 is no truth value and 300 is no UINT8.
import { type ErrorCode, failure } from './errors.js';
import type { Json } from './json-integers.js';
import { quote, showJson } from './quote.js';
import { ARRAYS, type Tensor, type TensorData } from './tensor.js';
import type { Datatype } from './tensor-spec.js';

const RANGES: Partial<Record<Datatype, readonly [number, number]>> = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffff_ffff],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
};

export function fromJson(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  count: number,
  json: Json,
  fault: ErrorCode = 'BAD_REQUEST',
): TensorData {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw failure(
      fault,
      `Tensor ${quote(name)} is ${datatype}, which JSON cannot carry: send it as binary data.`,
    );
  }
  const refuse = (why: string) => failure(fault, `The data of tensor ${quote(name)} ${why}.`);
  const flat = flatten(json, shape, refuse);
  if (flat.length !== count) {
    throw refuse(`has ${flat.length} elements; the shape [${shape.join(',')}] has ${count}`);
  }
  const wrong = (i: number) => refuse(`is wrong at element ${i}: ${showJson(flat[i])} is no ${datatype}`);
  if (datatype === 'BYTES') {
    return flat.map((value, i) => {
      if (typeof value !== 'string') throw wrong(i);
      return value;
    });
  }
  if (datatype === 'INT64' || datatype === 'UINT64') {
    const data = new ARRAYS[datatype](count);
    for (let i = 0; i < count; i++) {
      const exact = wideInteger(flat[i], datatype);
      if (exact === undefined) throw wrong(i);
      data[i] = exact;
    }
    return data;
  }
  const data = new ARRAYS[datatype](count);
  const range = RANGES[datatype];
  for (let i = 0; i < count; i++) {
    const value = flat[i];
    if (datatype === 'BOOL') {
      if (typeof value !== 'boolean') throw wrong(i);
      data[i] = value ? 1 : 0;
    } else if (range) {
      if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong(i);
      if (value < range[0] || value > range[1]) throw wrong(i);
      data[i] = value;
    } else {
      const number = typeof value === 'bigint' ? Number(value) : value;
      if (typeof number !== 'number') throw wrong(i);
      data[i] = number;
      if (!Number.isFinite(data[i])) throw wrong(i); // 1e999, or 1e300 as FP32
    }
  }
  return data;
}

/** The `data` of a tensor as JSON text. Written by hand: JSON.stringify throws on BigInt and turns NaN into null. */
export function toJsonText({ name, datatype, data }: Tensor): string {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw failure(
      'BAD_REQUEST',
      `Tensor ${quote(name)} is ${datatype}, which JSON cannot carry: use binary data.`,
    );
  }
  if (Array.isArray(data)) return JSON.stringify(data.map((element, i) => text(element, name, i)));
  if (datatype === 'BOOL')
    return `[${Array.from(data as Uint8Array, (value) => (value ? 'true' : 'false')).join(',')}]`;
  if (datatype !== 'FP32' && datatype !== 'FP64') return `[${data.join(',')}]`;
  let negativeZero = false;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!Number.isFinite(value)) {
      throw failure(
        'MODEL_FAILED',
        `Tensor ${quote(name)} is ${value} at element ${i}, which JSON cannot carry: ask for binary data.`,
      );
    }
    if (value === 0 && Object.is(value, -0)) negativeZero = true;
  }
  if (!negativeZero) return `[${data.join(',')}]`;
  return `[${Array.from(data as Float64Array, (value) => (Object.is(value, -0) ? '-0' : String(value))).join(',')}]`;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
function text(element: string | Uint8Array, name: string, i: number): string {
  if (typeof element === 'string') return element;
  try {
    return decoder.decode(element);
  } catch (error) {
    const message = `Element ${i} of tensor ${quote(name)} is not UTF-8, JSON cannot carry it: ask for binary data.`;
    throw failure('BAD_REQUEST', message, {}, error);
  }
}

/** One flat row. Rows that are nested at all must be nested as the shape says, so that a ragged or a turned tensor is seen. */
function flatten(json: Json, shape: readonly number[], refuse: (why: string) => Error): Json[] {
  if (!Array.isArray(json)) {
    if (shape.length === 0 && json !== null && typeof json !== 'object') return [json];
    throw refuse('is no array');
  }
  if (!json.some(Array.isArray)) return json;
  let rows: Json[] = json;
  for (let axis = 0; axis < shape.length; axis++) {
    const last = axis === shape.length - 1;
    if (axis === 0 && rows.length !== shape[0]) throw nesting();
    if (last) break;
    const next: Json[] = [];
    for (const row of rows) {
      if (!Array.isArray(row) || row.length !== shape[axis + 1]) throw nesting();
      for (const item of row) next.push(item);
    }
    rows = next;
  }
  return rows;

  function nesting() {
    return refuse(`is not nested as its shape [${shape.join(',')}]; nest it so, or send one flat row`);
  }
}

function wideInteger(value: Json | undefined, datatype: 'INT64' | 'UINT64'): bigint | undefined {
  // A number past 2^53 - 1 came from a fraction or an exponent and may be rounded: refused rather than guessed.
  const exact =
    typeof value === 'bigint'
      ? value
      : typeof value === 'number' && Number.isSafeInteger(value)
        ? BigInt(value)
        : undefined;
  if (exact === undefined) return undefined;
  const same = datatype === 'INT64' ? BigInt.asIntN(64, exact) : BigInt.asUintN(64, exact);
  return same === exact ? exact : undefined;
}
