// A tensor as it travels: what JavaScript array carries which datatype, how many elements a shape has, and the binary form.
// The body codec, the engines and the client lean on it. Little-endian hosts only, as are all that onnxruntime-node runs on.
import { joinByteStrings, splitByteStrings } from './byte-strings.js';
import { type ErrorCode, failure } from './errors.js';
import { quote } from './quote.js';
import { space } from './space.js';
import type { Datatype } from './tensor-spec.js';

export type TensorData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | string[]
  | Uint8Array[];

/** FP16 and BF16 are Uint16Array bits, BOOL is a Uint8Array of 0 and 1, BYTES is a list of texts or byte strings. */
export interface Tensor {
  name: string;
  datatype: Datatype;
  shape: readonly number[];
  data: TensorData;
}

type FixedDatatype = Exclude<Datatype, 'BYTES'>;

export const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Record<FixedDatatype, unknown>;

/** No model has more dimensions; a body may claim any number. */
const RANK_MAX = 32;

/** The product of the dimensions. Zero is legal; negative, fractional or overflowing ones are the sender's fault. */
export function elementCount(
  shape: readonly number[],
  name: string,
  fault: ErrorCode = 'BAD_REQUEST',
): number {
  if (shape.length > RANK_MAX) {
    throw failure(fault, `Tensor ${quote(name)} has ${shape.length} dimensions, the limit is ${RANK_MAX}.`);
  }
  let product = 1;
  let zero = false;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw failure(
        fault,
        `Tensor ${quote(name)} has the dimension ${dimension}; dimensions are integers from 0.`,
      );
    }
    if (dimension === 0) zero = true;
    else product *= dimension;
    // Eight bytes an element must still be countable. Zeros are left out, so that they hide no overflow.
    if (product > Number.MAX_SAFE_INTEGER / 8) {
      throw failure(fault, `The shape of tensor ${quote(name)} has more elements than can be counted.`);
    }
  }
  return zero ? 0 : product;
}

/** The binary form of a tensor's data; numbers are viewed, only BYTES is copied. */
export function toBlob(data: TensorData): Uint8Array {
  if (Array.isArray(data)) return joinByteStrings(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The data in a blob: a view where the blob is aligned, a copy where it is not. Refuses every other size than the shape's. */
export function fromBlob(
  name: string,
  datatype: Datatype,
  count: number,
  blob: Uint8Array,
  fault: ErrorCode = 'BAD_REQUEST',
): TensorData {
  if (datatype === 'BYTES') return splitByteStrings(name, count, blob, fault);
  const { BYTES_PER_ELEMENT: size } = ARRAYS[datatype];
  if (blob.length !== count * size) {
    throw failure(
      fault,
      `Tensor ${quote(name)} has ${blob.length} bytes; ${count} elements of ${datatype} take ${count * size}.`,
    );
  }
  if (datatype === 'BOOL' && blob.some((byte) => byte > 1)) {
    throw failure(fault, `Tensor ${quote(name)} is BOOL: its bytes are 0 or 1.`);
  }
  // Bodies are slices of socket buffers, so their first byte may lie anywhere.
  const aligned = blob.byteOffset % size === 0 ? blob : copied(blob);
  return new ARRAYS[datatype](aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
}

function copied(blob: Uint8Array): Uint8Array {
  const copy = space(blob.length);
  copy.set(blob);
  return copy;
}
