// Puts several requests into one run and takes the rows apart again. Which requests may share a run is decided by rows.ts;
// nothing here knows of queues or of onnxruntime. The one promise: each caller gets its own rows.
import assert from 'node:assert';
import { BlobTensor, lengthOf } from '../../../contracts/blob-tensor.js';
import { space } from '../../../contracts/space.js';
import { ARRAYS, type Tensor, type TensorData } from '../../../contracts/tensor.js';
import { SHARED } from './rows.js';

interface Space {
  readonly numbers: Exclude<TensorData, string[] | Uint8Array[]>;
  /** The same memory. */
  readonly bytes: Uint8Array;
}

/** Joins rows in memory that is used again for every run: a run is over before the next one is gathered. */
export class Gatherer {
  private readonly space: (Space | undefined)[] = [];

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
      const { name, datatype, shape } = head;
      return { name, datatype, shape: shape.with(axis, rows), data: this.concat(i, axis, parts) };
    });
  }

  private concat(i: number, axis: number, parts: readonly Tensor[]): TensorData {
    const [first] = parts;
    assert(first, 'a batch has at least one request');
    const outer = before(first.shape, axis);
    // Texts come as strings or as bytes; mixing both is fine, the engine reads either.
    if (first.datatype === 'BYTES')
      return Array.from({ length: outer }, (_, block) =>
        parts.flatMap(({ data }) => blockOf(data as string[], block, outer)),
      ).flat();
    let length = 0;
    for (const part of parts) length += lengthOf(part);
    const { numbers, bytes } = this.reserve(i, first.datatype, length);
    let at = 0;
    for (let block = 0; block < outer; block++)
      for (const part of parts) {
        const size = lengthOf(part) / outer;
        if (part instanceof BlobTensor) {
          // Straight from the message: numbers that lie crooked there are copied once.
          const each = part.blob.length / outer;
          const { blob } = part;
          bytes.set(
            outer === 1 ? blob : blob.subarray(block * each, (block + 1) * each),
            at * numbers.BYTES_PER_ELEMENT,
          );
        } else {
          const own = part.data as Float32Array;
          // A set of Float32Array from Float32Array; the checked datatype says that the arrays are alike.
          (numbers as Float32Array).set(
            outer === 1 ? own : own.subarray(block * size, (block + 1) * size),
            at,
          );
        }
        at += size;
      }
    return numbers.length === length ? numbers : numbers.subarray(0, length);
  }

  private reserve(i: number, datatype: keyof typeof ARRAYS, length: number): Space {
    const known = this.space[i];
    if (known && known.numbers.length >= length) return known;
    const numbers = new ARRAYS[datatype](length);
    const fresh = { numbers, bytes: new Uint8Array(numbers.buffer) };
    this.space[i] = fresh;
    return fresh;
  }
}

/** Takes an output of `total` rows along `axis` apart again. */
export class RowCut {
  private readonly outer: number;
  private readonly rowLength: number;
  /** Of all rows; undefined for texts, which have no fixed size. */
  private readonly all: Uint8Array | undefined;
  private shape: readonly number[] = [];

  constructor(
    private readonly output: Tensor,
    private readonly axis: number,
    total: number,
  ) {
    assert(output.shape[axis] === total, 'an output that is sliced carries the batch');
    this.outer = before(output.shape, axis);
    const { data } = output;
    this.rowLength = data.length / (total * this.outer);
    this.all = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : undefined;
  }

  /** As a blob; undefined for texts. */
  bytesOf(rows: number): number | undefined {
    return this.all && (this.all.length / this.output.data.length) * this.rowLength * this.outer * rows;
  }

  /** What rows() gives, as a blob to where it goes. Returns where it ends. */
  copyTo(from: number, rows: number, target: Uint8Array, at: number): number {
    const { all, outer, output, rowLength } = this;
    assert(all, 'texts have no fixed size');
    const each = (all.length / output.data.length) * rowLength;
    const stride = all.length / outer;
    const bytes = each * rows;
    let to = at;
    for (let block = 0; block < outer; block++) {
      const begin = block * stride + from * each;
      // A view costs more than to copy some numbers one by one.
      if (bytes > VIEWED_BYTES) target.set(all.subarray(begin, begin + bytes), to);
      else for (let i = 0; i < bytes; i++) target[to + i] = all[begin + i] as number;
      to += bytes;
    }
    return to;
  }

  /** The rows from `from` on. */
  rows(from: number, rows: number): Tensor {
    const { output, axis, outer, rowLength } = this;
    const { name, datatype, data } = output;
    // Most requests of a batch have as many rows as the one before.
    if (this.shape[axis] !== rows) this.shape = output.shape.with(axis, rows);
    return {
      name,
      datatype,
      shape: this.shape,
      data: cut(data, outer, from * rowLength, rows * rowLength),
    };
  }
}

const VIEWED_BYTES = 64;

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
