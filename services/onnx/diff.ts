// What differs between two graphs, value by value: what a rewrite did, what a new version changed. Nodes are told by
// the first value they make, so renamed nodes are the same and renamed values are not.
import { equals } from '@bufbuild/protobuf';
import type { Graph } from './graph.js';
import {
  AttributeProtoSchema,
  ValueInfoProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto/onnx_pb.js';
import { readTensor, type Tensor } from './tensor.js';

export interface Difference {
  readonly kind: 'node' | 'constant' | 'input' | 'output' | 'opset';
  readonly change: 'added' | 'removed' | 'changed';
  /** The value, for nodes the first they make; for an operator set its domain. */
  readonly name: string;
  /** What changed, in words: `opType Relu to Clip`, `dims [2] to [3]`. */
  readonly detail: string;
}

/** Empty where both compute the same in the same way; order of nodes does not matter. */
export function diff(before: Graph, after: Graph): Difference[] {
  return [
    ...compare(
      'opset',
      opsets(before),
      opsets(after),
      (a, b) => (a === b ? [] : [`version ${a} to ${b}`]),
      String,
    ),
    ...compare('input', byName(before.inputs), byName(after.inputs), infoChanges, () => ''),
    ...compare('output', byName(before.outputs), byName(after.outputs), infoChanges, () => ''),
    ...compare(
      'constant',
      byName(before.proto.initializer),
      byName(after.proto.initializer),
      tensorChanges(before, after),
      () => '',
    ),
    ...compare('node', nodes(before), nodes(after), nodeChanges, (node) => node.opType),
  ];
}

function compare<V>(
  kind: Difference['kind'],
  before: ReadonlyMap<string, V>,
  after: ReadonlyMap<string, V>,
  changes: (a: V, b: V) => string[],
  title: (value: V) => string,
): Difference[] {
  const found: Difference[] = [];
  for (const [name, value] of before) {
    const other = after.get(name);
    if (other === undefined) found.push({ kind, change: 'removed', name, detail: title(value) });
    else for (const detail of changes(value, other)) found.push({ kind, change: 'changed', name, detail });
  }
  for (const [name, value] of after)
    if (!before.has(name)) found.push({ kind, change: 'added', name, detail: title(value) });
  return found;
}

function nodeChanges(a: NodeProto, b: NodeProto): string[] {
  const names = new Set([...a.attribute, ...b.attribute].map((one) => one.name));
  const attributes = [...names].filter((name) => {
    const [left, right] = [a, b].map((node) => node.attribute.find((one) => one.name === name));
    return left === undefined || right === undefined || !equals(AttributeProtoSchema, left, right);
  });
  return [
    ...changed('opType', `${a.domain}:${a.opType}`, `${b.domain}:${b.opType}`),
    ...changed('inputs', a.input.join(' '), b.input.join(' ')),
    ...changed('outputs', a.output.join(' '), b.output.join(' ')),
    ...attributes.map((name) => `attribute ${name}`),
  ];
}

const tensorChanges =
  (before: Graph, after: Graph) =>
  (a: TensorProto, b: TensorProto): string[] => {
    const said = [
      ...changed('type', a.dataType, b.dataType),
      ...changed('dims', `[${a.dims.join()}]`, `[${b.dims.join()}]`),
    ];
    if (said.length > 0) return said;
    return sameData(readTensor(a, before.external), readTensor(b, after.external)) ? [] : ['values'];
  };

function sameData({ data: a }: Tensor, { data: b }: Tensor): boolean {
  return (
    a.length === b.length &&
    Array.prototype.every.call(a, (value: unknown, i: number) => Object.is(value, b[i]))
  );
}

const infoChanges = (a: ValueInfoProto, b: ValueInfoProto): string[] =>
  equals(ValueInfoProtoSchema, a, b) ? [] : ['type'];

const changed = (what: string, a: string | number, b: string | number): string[] =>
  a === b ? [] : [`${what} ${a} to ${b}`];

const byName = <V extends { name: string }>(list: readonly V[]): Map<string, V> =>
  new Map(list.map((one) => [one.name, one]));

const nodes = (graph: Graph): Map<string, NodeProto> =>
  new Map(graph.nodes.map((node) => [node.output.find((name) => name !== '') ?? node.name, node]));

const opsets = (graph: Graph): Map<string, bigint> =>
  new Map(
    graph.model.opsetImport.map(({ domain, version }) => [domain === 'ai.onnx' ? '' : domain, version]),
  );
