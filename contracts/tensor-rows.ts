// Rows of tensors, the first dimension: taken out, put together again. Steps of pipelines, micro-batches and benches use it.
import { failure } from './errors.js';
import { ARRAYS, type Tensor, type TensorData } from './tensor.js';
import type { TensorType } from './pipeline.js';

/** A view where the data allows one. */
export function rowsFrom({ shape, data, ...rest }: Tensor, first: number, count: number): Tensor {
  const length = data.length / Math.max(1, shape[0] ?? 0);
  const [from, to] = [first * length, (first + count) * length];
  const part = Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to);
  return { ...rest, shape: [count, ...shape.slice(1)], data: part as TensorData };
}

export const rowOf = (tensor: Tensor, row: number): Tensor => rowsFrom(tensor, row, 1);

/** `parts` are of one type and agree in all dimensions but the first. */
export function joinRows(name: string, parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (!first) throw failure('INTERNAL', `Nothing is there to be joined as "${name}".`);
  const tail = first.shape.slice(1).join();
  const other = parts.find(({ shape }) => shape.slice(1).join() !== tail || shape.length === 0);
  if (other)
    throw failure(
      'TENSOR_MISMATCH',
      `The rows of "${name}" have the shapes [${first.shape.join(',')}] and [${other.shape.join(',')}]: they cannot be put together.`,
    );
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return { ...first, shape: [rows, ...first.shape.slice(1)], data: concat(parts.map(({ data }) => data)) };
}

/** A tensor of this type without rows. */
export function noRows(name: string, { datatype, shape }: TensorType): Tensor {
  const data: TensorData = datatype === 'BYTES' ? [] : new ARRAYS[datatype](0);
  return { name, datatype, shape: [0, ...shape.slice(1).map((size) => Math.max(0, size))], data };
}

function concat(parts: readonly TensorData[]): TensorData {
  const [first] = parts;
  if (Array.isArray(first)) return parts.flatMap((part) => part as string[]);
  type Numbers = Exclude<TensorData, string[] | Uint8Array[]>;
  const make = (first as Numbers).constructor as new (length: number) => Numbers;
  const joined = new make(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    (joined as Float32Array).set(part as Float32Array, at);
    at += part.length;
  }
  return joined;
}
