// Puts several requests into one run and takes the rows apart again. Which requests may share a run is decided by rows.ts;
// nothing here knows of queues or of onnxruntime. The one promise: each caller gets its own rows.
import assert from 'node:assert';
import { space } from '../../../contracts/space.js';
import type { Tensor, TensorData } from '../../../contracts/tensor.js';
import { SHARED } from './rows.js';

type Numbers = Exclude<TensorData, string[] | Uint8Array[]>;

/** Joins rows in memory that is used again for every run: a run is over before the next one is gathered. */
export class Gatherer {
  private readonly space: (Numbers | undefined)[] = [];

  constructor(private readonly axes: readonly number[]) {}

  /** `requests` have one key, inputs in the model's order. */
  join(requests: readonly (readonly Tensor[])[]): Tensor[] {
    const [first] = requests;
    assert(first, 'a batch has at least one request');
    return first.map((head, i) => {
      const axis = this.axes[i] ?? SHARED;
      if (axis === SHARED) return head;
      const parts = requests.map((inputs) => {
        const part = inputs[i];
        assert(part, 'requests of one key have the same inputs');
        return part;
      });
      const rows = parts.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
      return { ...head, shape: head.shape.with(axis, rows), data: this.concat(i, axis, parts) };
    });
  }

  private concat(i: number, axis: number, parts: readonly Tensor[]): TensorData {
    const [first] = parts;
    assert(first, 'a batch has at least one request');
    const outer = before(first.shape, axis);
    // Texts come as strings or as bytes; mixing both is fine, the engine reads either.
    if (Array.isArray(first.data))
      return Array.from({ length: outer }, (_, block) =>
        parts.flatMap(({ data }) => blockOf(data as string[], block, outer)),
      ).flat();
    const length = parts.reduce((sum, { data }) => sum + data.length, 0);
    const space = this.reserve(i, first.data, length);
    let at = 0;
    for (let block = 0; block < outer; block++)
      for (const { data } of parts) {
        const size = data.length / outer;
        const numbers = data as Float32Array;
        const part = outer === 1 ? numbers : numbers.subarray(block * size, (block + 1) * size);
        // A set of Float32Array from Float32Array; the checked datatype says that the arrays are alike.
        (space as Float32Array).set(part, at);
        at += size;
      }
    return space.length === length ? space : space.subarray(0, length);
  }

  private reserve(i: number, like: Numbers, length: number): Numbers {
    const known = this.space[i];
    if (known && known.length >= length) return known;
    const fresh = new (like.constructor as new (length: number) => Numbers)(length);
    this.space[i] = fresh;
    return fresh;
  }
}

/** The rows `from` up to `from + rows` along `axis` of an output of `total` rows. */
export function sliceRows(output: Tensor, axis: number, from: number, rows: number, total: number): Tensor {
  const { shape, data } = output;
  assert(shape[axis] === total, 'an output that is sliced carries the batch');
  const outer = before(shape, axis);
  const rowLength = data.length / (total * outer);
  return {
    ...output,
    shape: shape.with(axis, rows),
    data: cut(data, outer, from * rowLength, rows * rowLength),
  };
}

function cut(data: TensorData, outer: number, start: number, length: number): TensorData {
  if (outer === 1) {
    if (Array.isArray(data)) return data.slice(start, start + length) as TensorData;
    return data.subarray(start, start + length);
  }
  const stride = data.length / outer;
  if (Array.isArray(data))
    return Array.from({ length: outer }, (_, block) =>
      (data as string[]).slice(block * stride + start, block * stride + start + length),
    ).flat();
  const numbers = data as Float32Array;
  const { buffer, byteOffset } = space(outer * length * numbers.BYTES_PER_ELEMENT);
  const part = new (numbers.constructor as typeof Float32Array)(buffer, byteOffset, outer * length);
  for (let block = 0; block < outer; block++) {
    const begin = block * stride + start;
    part.set(numbers.subarray(begin, begin + length), block * length);
  }
  return part;
}

const before = (shape: readonly number[], axis: number): number =>
  shape.slice(0, axis).reduce((product, size) => product * size, 1);

function blockOf(data: string[], block: number, outer: number): string[] {
  const size = data.length / outer;
  return data.slice(block * size, (block + 1) * size);
}
