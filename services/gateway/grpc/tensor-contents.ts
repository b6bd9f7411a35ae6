// The typed contents of a tensor: a field for each family of datatypes, numbers wider than some of them. What does not fit is
// refused, never wrapped. FP16 and BF16 have no field; they travel raw.
import { create } from '@bufbuild/protobuf';
import { asByteStrings } from '../../../contracts/byte-strings.js';
import { failure } from '../../../contracts/errors.js';
import { quote } from '../../../contracts/quote.js';
import { ARRAYS, type Tensor, type TensorData } from '../../../contracts/tensor.js';
import type { Datatype } from '../../../contracts/tensor-spec.js';
import { type InferTensorContents, InferTensorContentsSchema } from './proto/open_inference_grpc_pb.js';

type Field = Exclude<keyof InferTensorContents, '$typeName' | '$unknown'>;
type NarrowDatatype = 'UINT8' | 'UINT16' | 'UINT32' | 'INT8' | 'INT16' | 'INT32';

const FIELDS = {
  BOOL: 'boolContents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
  FP16: undefined,
  BF16: undefined,
} as const satisfies Record<Datatype, Field | undefined>;

const ALL_FIELDS = new Set(Object.values(FIELDS).filter((field) => field !== undefined));
const NONE = create(InferTensorContentsSchema);

export const hasContents = (datatype: Datatype): boolean => FIELDS[datatype] !== undefined;

/** `count`: what the shape promises. */
export function readContents(
  name: string,
  datatype: Datatype,
  count: number,
  contents: InferTensorContents = NONE,
): TensorData {
  const field = FIELDS[datatype];
  if (field === undefined)
    throw failure(
      'BAD_REQUEST',
      `Tensor ${quote(name)} is ${datatype}, which has no typed contents: send it in raw_input_contents.`,
    );
  for (const other of ALL_FIELDS)
    if (other !== field && contents[other].length > 0)
      throw failure('BAD_REQUEST', `Tensor ${quote(name)} is ${datatype}, but has contents of another type.`);
  const given = contents[field].length;
  if (given !== count)
    throw failure(
      'BAD_REQUEST',
      `Tensor ${quote(name)} has ${given} elements in its contents; its shape has ${count}.`,
    );
  return dataOf(name, datatype as Exclude<Datatype, 'FP16' | 'BF16'>, contents);
}

function dataOf(
  name: string,
  datatype: Exclude<Datatype, 'FP16' | 'BF16'>,
  contents: InferTensorContents,
): TensorData {
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(contents.boolContents, Number);
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      return narrow(name, datatype, contents.uintContents);
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return narrow(name, datatype, contents.intContents);
    case 'UINT64':
      return BigUint64Array.from(contents.uint64Contents);
    case 'INT64':
      return BigInt64Array.from(contents.int64Contents);
    case 'FP32':
      return Float32Array.from(contents.fp32Contents);
    case 'FP64':
      return Float64Array.from(contents.fp64Contents);
    case 'BYTES':
      return contents.bytesContents;
  }
}

function narrow(name: string, datatype: NarrowDatatype, numbers: readonly number[]): TensorData {
  const data = ARRAYS[datatype].from(numbers);
  const wrapped = numbers.find((number, index) => data[index] !== number);
  if (wrapped === undefined) return data;
  throw failure(
    'BAD_REQUEST',
    `Tensor ${quote(name)} has the element ${wrapped}, which no ${datatype} holds.`,
  );
}

/** Only for datatypes that have contents. */
export function writeContents({ datatype, data }: Tensor): InferTensorContents {
  const contents = create(InferTensorContentsSchema);
  if (Array.isArray(data)) contents.bytesContents = asByteStrings(data);
  else if (data instanceof BigInt64Array) contents.int64Contents = Array.from(data);
  else if (data instanceof BigUint64Array) contents.uint64Contents = Array.from(data);
  else if (datatype === 'BOOL') contents.boolContents = Array.from(data, (byte) => byte !== 0);
  else if (datatype === 'FP32') contents.fp32Contents = Array.from(data);
  else if (datatype === 'FP64') contents.fp64Contents = Array.from(data);
  else contents[FIELDS[datatype as NarrowDatatype]] = Array.from(data);
  return contents;
}
