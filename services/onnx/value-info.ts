// Declared types of values, plain and as ONNX writes them: inputs, outputs and what runs between nodes.
import { create } from '@bufbuild/protobuf';
import {
  ValueInfoProtoSchema,
  type TensorProto_DataType as T,
  type TypeProto,
  type ValueInfoProto,
} from './proto/onnx_pb.js';

/** A size, or the name of one that varies. */
export type Dim = number | string;

export interface TensorType {
  readonly dataType: T;
  /** Absent where even the number of dimensions is unknown. */
  readonly shape?: readonly Dim[];
}

export function valueInfo(name: string, dataType: T, shape?: readonly Dim[]): ValueInfoProto {
  const dim = shape?.map((size) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : size === ''
        ? {}
        : { value: { case: 'dimParam' as const, value: size } },
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: dataType, ...(dim === undefined ? {} : { shape: { dim } }) },
      },
    },
  });
}

/** Undefined for sequences, maps and undeclared types. Unnamed sizes are ''. */
export function tensorTypeOf(type: TypeProto | undefined): TensorType | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  if (shape === undefined) return { dataType: elemType };
  return {
    dataType: elemType,
    shape: shape.dim.map(({ value }) => {
      if (value.case === 'dimValue') return value.value < 0n ? '' : Number(value.value);
      return value.case === 'dimParam' ? value.value : '';
    }),
  };
}
