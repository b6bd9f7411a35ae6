// A constant as values: reads every way ONNX stores one, writes the compact way. Used wherever weights are looked at.
import assert from 'node:assert';
import { create } from '@bufbuild/protobuf';
import { elementType, rawBytes, type ElementType } from './data-type.js';
import { bytesPerElement, fillElements, isStrings, viewElements, type Elements } from './elements.js';
import { externalBytes, type ExternalData } from './external-data.js';
import { fromBfloat16, fromHalf } from './half.js';
import { INT2, INT4, UINT2, UINT4, unpack } from './narrow-int.js';
import {
  TensorProto_DataLocation,
  TensorProto_DataType as T,
  TensorProtoSchema,
  type TensorProto,
} from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';

export interface Tensor {
  readonly dataType: T;
  readonly dims: readonly number[];
  /**
   * float16 and bfloat16 as bits in Uint16Array, bool and float8 in Uint8Array, types below a byte packed in
   * Uint8Array, complex numbers as pairs.
   */
  readonly data: Elements;
}

/**
 * A view of the stored bytes where alignment allows it: treat `data` as read-only. Throws MODEL_REFUSED where the data
 * do not fill the shape, or lie in a resource that is not in `external`.
 */
export function readTensor(proto: TensorProto, external: ExternalData = new Map()): Tensor {
  const type = elementType(proto.dataType);
  if (type === undefined) throw unreadable(proto, `has the unknown element type ${proto.dataType}`);
  const dims = proto.dims.map(Number);
  const count = elementCount(dims);
  const tensor = { dataType: proto.dataType as T, dims };
  if (proto.dataType === (T.STRING as number)) {
    const decoder = new TextDecoder();
    return { ...tensor, data: proto.stringData.map((bytes) => decoder.decode(bytes)) };
  }
  const byteLength = rawBytes(type, count);
  const stored = storedBytes(proto, type, byteLength, external);
  if (stored.length !== byteLength) {
    throw unreadable(proto, `has ${stored.length} bytes where its shape takes ${byteLength}`);
  }
  return { ...tensor, data: viewElements(proto.dataType, stored) };
}

function storedBytes(
  proto: TensorProto,
  type: ElementType,
  byteLength: number,
  external: ExternalData,
): Uint8Array {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL)
    return externalBytes(proto, byteLength, external);
  if (proto.rawData.length > 0) return proto.rawData;
  const values = proto[type.field] as readonly (number | bigint)[];
  const unit = bytesPerElement(proto.dataType);
  if (values.length * unit !== byteLength) {
    throw unreadable(proto, `holds ${values.length} values where its shape takes ${byteLength / unit}`);
  }
  return fillElements(proto.dataType, values);
}

/** The compact way: raw_data, sharing the memory of `tensor.data`. */
export function writeTensor(name: string, tensor: Tensor): TensorProto {
  const { dataType, dims, data } = tensor;
  const proto = create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt) });
  if (isStrings(data)) {
    const encoder = new TextEncoder();
    proto.stringData = data.map((text) => encoder.encode(text));
    return proto;
  }
  const type = elementType(dataType);
  assert(
    type !== undefined && data.byteLength === rawBytes(type, elementCount(dims)),
    `"${name}" does not fill its shape`,
  );
  proto.rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return proto;
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Every numeric type as float32: weights for mathematics. int64 loses digits beyond 2^24. */
export function floatValues(tensor: Tensor): Float32Array {
  const { data, dataType } = tensor;
  if (data instanceof Float32Array) return data;
  if (dataType === T.FLOAT16) return widened(data as Uint16Array, fromHalf);
  if (dataType === T.BFLOAT16) return widened(data as Uint16Array, fromBfloat16);
  return Float32Array.from(numberValues(tensor));
}

function widened(halves: Uint16Array, toFloat: (half: number) => number): Float32Array {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = toFloat(halves[i] ?? 0);
  return values;
}

/** Integer types and doubles as numbers: shapes, axes, indices. Exact up to 2^53. */
export function numberValues(tensor: Tensor): number[] {
  const { data, dataType } = tensor;
  const narrow = NARROW.get(dataType);
  if (narrow !== undefined) return [...unpack(data as Uint8Array, elementCount(tensor.dims), narrow)];
  if (dataType === T.FLOAT16 || dataType === T.BFLOAT16) return [...floatValues(tensor)];
  assert(WIDE.has(dataType), 'only plain numbers have number values');
  return Array.from(data as Int32Array, Number);
}

const NARROW = new Map<T, typeof INT4>([
  [T.INT4, INT4],
  [T.UINT4, UINT4],
  [T.INT2, INT2],
  [T.UINT2, UINT2],
]);

const WIDE = new Set([
  T.FLOAT,
  T.DOUBLE,
  T.INT8,
  T.INT16,
  T.INT32,
  T.INT64,
  T.UINT8,
  T.UINT16,
  T.UINT32,
  T.UINT64,
  T.BOOL,
]);

export const float32 = (dims: readonly number[], values: ArrayLike<number>): Tensor =>
  filled(T.FLOAT, dims, values instanceof Float32Array ? values : Float32Array.from(values));

export const int64 = (dims: readonly number[], values: readonly number[]): Tensor =>
  filled(T.INT64, dims, BigInt64Array.from(values, BigInt));

export const bool = (dims: readonly number[], values: readonly boolean[]): Tensor =>
  filled(T.BOOL, dims, Uint8Array.from(values, Number));

function filled(dataType: T, dims: readonly number[], data: Exclude<Elements, readonly string[]>): Tensor {
  assert(data.length === elementCount(dims), `${data.length} values do not fill [${dims.join(', ')}]`);
  return { dataType, dims, data };
}

function unreadable(proto: TensorProto, what: string): Error {
  return refusal(`The tensor "${clip(proto.name)}" ${what}.`, { tensor: proto.name });
}
