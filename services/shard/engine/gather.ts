// Puts several requests into one run and takes the rows apart again. Which requests may share a run is decided by shareKey;
// nothing here knows of queues or of onnxruntime. The one promise: each caller gets its own rows.
import assert from 'node:assert';
import type { Tensor, TensorData } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

type Numbers = Exclude<TensorData, string[] | Uint8Array[]>;

/** Rows can be joined only along a first dimension that every input and every output leaves variable. */
export function canBatch(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): boolean {
  return inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
}

/** How many rows a request brings; 0 when its inputs do not agree, and then it runs alone. */
export function rowsOf(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0;
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : 0;
}

/** Equal for requests that may share a run: all dimensions but the first are the same. Inputs are in the model's order. */
export function shareKey(inputs: readonly Tensor[]): string {
  let key = '';
  for (const { shape } of inputs) {
    for (let axis = 1; axis < shape.length; axis++) key += `${shape[axis]},`;
    key += ';';
  }
  return key;
}

/** The inputs in the order in which the model declares them. */
export function inOrder(inputs: Tensor[], specs: readonly TensorSpec[]): Tensor[] {
  if (specs.every(({ name }, i) => inputs[i]?.name === name)) return inputs;
  return specs.map(({ name }) => {
    const tensor = inputs.find((candidate) => candidate.name === name);
    assert(tensor, 'inputs were checked against the signature before');
    return tensor;
  });
}

/** Joins rows in memory that is used again for every run: a run is over before the next one is gathered. */
export class Gatherer {
  private readonly space: (Numbers | undefined)[] = [];

  /** `requests` have one key, inputs in the model's order. */
  join(requests: readonly (readonly Tensor[])[]): Tensor[] {
    const [first] = requests;
    assert(first, 'a batch has at least one request');
    return first.map((head, i) => {
      const parts = requests.map((inputs) => {
        const part = inputs[i];
        assert(part, 'requests of one key have the same inputs');
        return part;
      });
      const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
      return { ...head, shape: [rows, ...head.shape.slice(1)], data: this.concat(i, parts) };
    });
  }

  private concat(i: number, parts: readonly Tensor[]): TensorData {
    const [first] = parts;
    assert(first, 'a batch has at least one request');
    // Texts come as strings or as bytes; mixing both is fine, the engine reads either.
    if (Array.isArray(first.data)) return parts.flatMap(({ data }) => data as string[]);
    const length = parts.reduce((sum, { data }) => sum + data.length, 0);
    const space = this.reserve(i, first.data, length);
    let at = 0;
    for (const { data } of parts) {
      // A set of Float32Array from Float32Array; the checked datatype says that the arrays are alike.
      (space as Float32Array).set(data as Float32Array, at);
      at += data.length;
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

/** The rows `from` up to `from + rows` of an output of `total` rows. */
export function sliceRows(output: Tensor, from: number, rows: number, total: number): Tensor {
  const { shape, data } = output;
  assert(shape[0] === total, 'an output that is sliced carries the batch');
  const rowLength = data.length / total;
  const start = from * rowLength;
  const end = start + rows * rowLength;
  const part = Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end);
  return { ...output, shape: [rows, ...shape.slice(1)], data: part as TensorData };
}
