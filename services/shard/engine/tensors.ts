// Tensors between the protocol's form and onnxruntime's. Numbers are handed over as they lie, only texts are converted.
import { Tensor as RuntimeTensor } from 'onnxruntime-node';
import '../../onnx/half-float-tensors.js';
import { failure } from '../../../contracts/errors.js';
import type { Tensor, TensorData } from '../../../contracts/tensor.js';
import type { Datatype } from '../../../contracts/tensor-spec.js';

const RUNTIME_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Exclude<Datatype, 'BF16'>, string>;

export type RuntimeType = (typeof RUNTIME_TYPES)[keyof typeof RUNTIME_TYPES];

/** Undefined for BF16, which onnxruntime-node cannot carry. */
export const runtimeType = (datatype: Datatype): RuntimeType | undefined =>
  datatype === 'BF16' ? undefined : RUNTIME_TYPES[datatype];

export function toRuntime({ name, datatype, shape, data }: Tensor): RuntimeTensor {
  const type = runtimeType(datatype);
  if (type === undefined)
    throw failure('TENSOR_MISMATCH', `Input "${name}" is BF16, which engines cannot run.`);
  if (type === 'string') return new RuntimeTensor(type, texts(name, data), shape);
  // The types of the runtime tie each type name to its array; ours are tied by the datatype above.
  return new RuntimeTensor(type as 'float32', data as Float32Array, shape);
}

/** `shape` and `data` stand beside the runtime's own where a batch was split. */
export function fromRuntime(
  name: string,
  datatype: Datatype,
  { data, dims }: Pick<RuntimeTensor, 'data' | 'dims'>,
): Tensor {
  // Newer Nodes have a Float16Array; on the wire half floats are 16 bits, whatever array shows them.
  const bits =
    datatype === 'FP16' && ArrayBuffer.isView(data) && !(data instanceof Uint16Array)
      ? new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 2)
      : data;
  return { name, datatype, shape: dims, data: bits as TensorData };
}

// Without ignoreBOM it would take a mark at the beginning away.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function texts(name: string, data: TensorData): string[] {
  return (data as (string | Uint8Array)[]).map((item) => {
    const text = typeof item === 'string' ? item : decoded(name, item);
    // onnxruntime's strings are C strings: what comes after would be lost without a word.
    if (text.includes('\0'))
      throw failure('BAD_REQUEST', `Input "${name}" has an element with a NUL, which engines cannot carry.`);
    return text;
  });
}

function decoded(name: string, item: Uint8Array): string {
  try {
    return UTF8.decode(item);
  } catch (cause) {
    throw failure('BAD_REQUEST', `Input "${name}" has an element that is not UTF-8.`, {}, cause);
  }
}
