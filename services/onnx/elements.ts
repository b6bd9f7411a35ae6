// Which JavaScript array holds the elements of which ONNX type. tensor.ts reads and writes through it.
import { TensorProto_DataType as T } from './proto/onnx_pb.js';

export type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

const ARRAYS = {
  [T.FLOAT]: Float32Array,
  [T.UINT8]: Uint8Array,
  [T.INT8]: Int8Array,
  [T.UINT16]: Uint16Array,
  [T.INT16]: Int16Array,
  [T.INT32]: Int32Array,
  [T.INT64]: BigInt64Array,
  [T.FLOAT16]: Uint16Array,
  [T.DOUBLE]: Float64Array,
  [T.UINT32]: Uint32Array,
  [T.UINT64]: BigUint64Array,
  [T.COMPLEX64]: Float32Array,
  [T.COMPLEX128]: Float64Array,
  [T.BFLOAT16]: Uint16Array,
} as const;

type ElementArray = (typeof ARRAYS)[keyof typeof ARRAYS];

/** Types without an entry above are bytes: bool, float8, and packed values below a byte. */
function arrayOf(dataType: number): ElementArray {
  return (ARRAYS as Record<number, ElementArray>)[dataType] ?? Uint8Array;
}

export function isStrings(data: Elements): data is readonly string[] {
  return Array.isArray(data);
}

/** Size of one array element: a byte for packed types, half a complex number. */
export function bytesPerElement(dataType: number): number {
  return arrayOf(dataType).BYTES_PER_ELEMENT;
}

/** The bytes as elements; copied only where a view may not begin there, as is common inside a file. */
export function viewElements(dataType: number, bytes: Uint8Array): Elements {
  const ArrayType = arrayOf(dataType);
  const aligned = bytes.byteOffset % ArrayType.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  const length = aligned.byteLength / ArrayType.BYTES_PER_ELEMENT;
  return new ArrayType(aligned.buffer as ArrayBuffer, aligned.byteOffset, length);
}

/**
 * Values of a typed field as bytes. int32_data also holds bytes, halves and packed values: the low bits are meant, and
 * the low bits are what a typed array keeps.
 */
export function fillElements(dataType: number, values: readonly (number | bigint)[]): Uint8Array {
  const ArrayType = arrayOf(dataType);
  const elements = new ArrayType(values.length);
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    elements.set(values.map(BigInt));
  else elements.set(values.map(Number));
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
