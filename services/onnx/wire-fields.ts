// How each field of an ONNX message is written in protobuf, from the generated descriptors. wire-bounds.ts walks by it.
import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';

export interface Field {
  readonly name: string;
  readonly wireType: number;
  /** Repeated scalars may also arrive packed, as one length-delimited run. */
  readonly packedUnitBytes: number;
  readonly child: DescMessage | undefined;
}

const fieldsOf = new WeakMap<DescMessage, (Field | undefined)[]>();

/** Fields by number. */
export function fieldTable(message: DescMessage): (Field | undefined)[] {
  const known = fieldsOf.get(message);
  if (known !== undefined) return known;
  const table: (Field | undefined)[] = [];
  fieldsOf.set(message, table);
  for (const field of message.fields) table[field.number] = describe(field);
  return table;
}

function describe(field: DescField): Field {
  const list = field.fieldKind === 'list';
  const child = field.message;
  const scalar = field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar;
  const wireType = child !== undefined || scalar === undefined ? 2 : wireTypeOf(scalar);
  return {
    name: field.name,
    wireType,
    child,
    packedUnitBytes: list && wireType !== 2 ? unitBytes(wireType) : 0,
  };
}

function wireTypeOf(scalar: ScalarType): number {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return 2;
  if (scalar === ScalarType.FLOAT) return 5;
  if (scalar === ScalarType.DOUBLE) return 1;
  return 0; // ONNX declares no fixed-width integers
}

function unitBytes(wireType: number): number {
  return wireType === 5 ? 4 : wireType === 1 ? 8 : 1;
}
