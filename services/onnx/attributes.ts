// Attributes of a node as plain values, both ways. Everything that looks at or writes nodes uses these.
import assert from 'node:assert';
import { create, isMessage } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as A,
  AttributeProtoSchema,
  GraphProtoSchema,
  TensorProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from './proto/onnx_pb.js';

/** A whole number is an int unless its name is a float attribute's (alpha, epsilon, ...) or it says `{ float: 1 }`. */
export type AttributeValue =
  | number
  | bigint
  | string
  | boolean
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | readonly number[]
  | readonly string[]
  | TensorProto
  | GraphProto;

export type AttributeValues = Readonly<Record<string, AttributeValue | undefined>>;

// The ONNX and contrib operators that serve models give these names one type only. `seed` is a float in the random
// generators and an int in Dropout, so it has to be told.
const FLOATS = new Set(
  'alpha beta gamma lambd epsilon momentum bias ratio value_float cubic_coeff_a extrapolation_value spatial_scale clip softcap scale mean low high spatial_scale'.split(
    ' ',
  ),
);
const FLOAT_LISTS = new Set('scales activation_alpha activation_beta value_floats'.split(' '));

export function attribute(name: string, value: AttributeValue): AttributeProto {
  const text = new TextEncoder();
  const make = (type: A, fields: Partial<Omit<AttributeProto, '$typeName'>>): AttributeProto =>
    create(AttributeProtoSchema, { name, type, ...fields });
  if (typeof value === 'number') {
    const whole = Number.isInteger(value) && !FLOATS.has(name);
    return whole ? make(A.INT, { i: BigInt(value) }) : make(A.FLOAT, { f: value });
  }
  if (typeof value === 'bigint' || typeof value === 'boolean') return make(A.INT, { i: BigInt(value) });
  if (typeof value === 'string') return make(A.STRING, { s: text.encode(value) });
  if (isMessage(value, TensorProtoSchema)) return make(A.TENSOR, { t: value });
  if (isMessage(value, GraphProtoSchema)) return make(A.GRAPH, { g: value });
  if ('float' in value) return make(A.FLOAT, { f: value.float });
  if ('floats' in value) return make(A.FLOATS, { floats: [...value.floats] });
  assert(Array.isArray(value), `attribute ${name} has no ONNX form`);
  const list = value as readonly (number | string)[];
  if (list.some((one) => typeof one === 'string')) {
    return make(A.STRINGS, { strings: list.map((one) => text.encode(String(one))) });
  }
  const numbers = list as readonly number[];
  const whole = numbers.every((one) => Number.isInteger(one)) && !FLOAT_LISTS.has(name);
  return whole ? make(A.INTS, { ints: numbers.map(BigInt) }) : make(A.FLOATS, { floats: [...numbers] });
}

export function attributes(values: AttributeValues): AttributeProto[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [attribute(name, value)],
  );
}

export function setAttribute(node: NodeProto, name: string, value: AttributeValue | undefined): void {
  node.attribute = node.attribute.filter((one) => one.name !== name);
  if (value !== undefined) node.attribute.push(attribute(name, value));
}

export function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((one) => one.name === name);
}

export function intOf(node: NodeProto, name: string, otherwise: number): number {
  const found = findAttribute(node, name);
  return found === undefined ? otherwise : Number(found.i);
}

export function floatOf(node: NodeProto, name: string, otherwise: number): number {
  return findAttribute(node, name)?.f ?? otherwise;
}

export function stringOf(node: NodeProto, name: string, otherwise: string): string {
  const found = findAttribute(node, name);
  return found === undefined ? otherwise : new TextDecoder().decode(found.s);
}

/** Undefined where absent: for lists, absent and empty often mean different things. */
export function intsOf(node: NodeProto, name: string): number[] | undefined {
  return findAttribute(node, name)?.ints.map(Number);
}

export function floatsOf(node: NodeProto, name: string): number[] | undefined {
  return findAttribute(node, name)?.floats;
}

export function stringsOf(node: NodeProto, name: string): string[] | undefined {
  const decoder = new TextDecoder();
  return findAttribute(node, name)?.strings.map((one) => decoder.decode(one));
}

export function tensorOf(node: NodeProto, name: string): TensorProto | undefined {
  return findAttribute(node, name)?.t;
}

export function graphOf(node: NodeProto, name: string): GraphProto | undefined {
  return findAttribute(node, name)?.g;
}
