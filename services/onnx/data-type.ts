// The element types of ONNX and what each is called elsewhere: the Open Inference Protocol, onnxruntime, JavaScript.
import type { Datatype } from '../../contracts/tensor-spec.js';
import { TensorProto_DataType as T } from './proto/onnx_pb.js';

/** The names onnxruntime-node gives to the element types that it can pass in and out. */
type RuntimeType =
  | 'bool'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'string';

export interface ElementType {
  readonly name: string;
  /** Bits of one element in raw_data; 0 for strings, which have no fixed size. */
  readonly bits: number;
  /** The typed field that holds the values when raw_data does not. */
  readonly field: 'floatData' | 'int32Data' | 'int64Data' | 'uint64Data' | 'doubleData' | 'stringData';
  /** Absent where the type cannot cross the door of a served model: onnxruntime-node cannot carry it. */
  readonly wire?: { readonly datatype: Datatype; readonly runtime: RuntimeType };
}

const door = (datatype: Datatype, runtime: RuntimeType) => ({ datatype, runtime });

const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  [T.FLOAT]: { name: 'float32', bits: 32, field: 'floatData', wire: door('FP32', 'float32') },
  [T.UINT8]: { name: 'uint8', bits: 8, field: 'int32Data', wire: door('UINT8', 'uint8') },
  [T.INT8]: { name: 'int8', bits: 8, field: 'int32Data', wire: door('INT8', 'int8') },
  [T.UINT16]: { name: 'uint16', bits: 16, field: 'int32Data', wire: door('UINT16', 'uint16') },
  [T.INT16]: { name: 'int16', bits: 16, field: 'int32Data', wire: door('INT16', 'int16') },
  [T.INT32]: { name: 'int32', bits: 32, field: 'int32Data', wire: door('INT32', 'int32') },
  [T.INT64]: { name: 'int64', bits: 64, field: 'int64Data', wire: door('INT64', 'int64') },
  [T.STRING]: { name: 'string', bits: 0, field: 'stringData', wire: door('BYTES', 'string') },
  [T.BOOL]: { name: 'bool', bits: 8, field: 'int32Data', wire: door('BOOL', 'bool') },
  [T.FLOAT16]: { name: 'float16', bits: 16, field: 'int32Data', wire: door('FP16', 'float16') },
  [T.DOUBLE]: { name: 'float64', bits: 64, field: 'doubleData', wire: door('FP64', 'float64') },
  [T.UINT32]: { name: 'uint32', bits: 32, field: 'uint64Data', wire: door('UINT32', 'uint32') },
  [T.UINT64]: { name: 'uint64', bits: 64, field: 'uint64Data', wire: door('UINT64', 'uint64') },
  [T.COMPLEX64]: { name: 'complex64', bits: 64, field: 'floatData' },
  [T.COMPLEX128]: { name: 'complex128', bits: 128, field: 'doubleData' },
  [T.BFLOAT16]: { name: 'bfloat16', bits: 16, field: 'int32Data' },
  [T.FLOAT8E4M3FN]: { name: 'float8e4m3fn', bits: 8, field: 'int32Data' },
  [T.FLOAT8E4M3FNUZ]: { name: 'float8e4m3fnuz', bits: 8, field: 'int32Data' },
  [T.FLOAT8E5M2]: { name: 'float8e5m2', bits: 8, field: 'int32Data' },
  [T.FLOAT8E5M2FNUZ]: { name: 'float8e5m2fnuz', bits: 8, field: 'int32Data' },
  [T.UINT4]: { name: 'uint4', bits: 4, field: 'int32Data' },
  [T.INT4]: { name: 'int4', bits: 4, field: 'int32Data' },
  [T.FLOAT4E2M1]: { name: 'float4e2m1', bits: 4, field: 'int32Data' },
  [T.FLOAT8E8M0]: { name: 'float8e8m0', bits: 8, field: 'int32Data' },
  [T.UINT2]: { name: 'uint2', bits: 2, field: 'int32Data' },
  [T.INT2]: { name: 'int2', bits: 2, field: 'int32Data' },
};

/** Undefined for a number that no ONNX release up to IR 13 gives a meaning. */
export function elementType(dataType: number): ElementType | undefined {
  return ELEMENT_TYPES[dataType];
}

/** Bytes that `count` elements take in raw_data; types below a byte are packed, the last byte padded. */
export function rawBytes(type: ElementType, count: number): number {
  return Math.ceil((count * type.bits) / 8);
}

export function dataTypeOfRuntime(runtime: string): number | undefined {
  const found = Object.entries(ELEMENT_TYPES).find(([, type]) => type.wire?.runtime === runtime);
  return found === undefined ? undefined : Number(found[0]);
}

/** Of the protocol's names; absent for BF16, which onnxruntime-node cannot carry. */
export function dataTypeOfDatatype(datatype: Datatype): number | undefined {
  const found = Object.entries(ELEMENT_TYPES).find(([, type]) => type.wire?.datatype === datatype);
  return found === undefined ? undefined : Number(found[0]);
}
