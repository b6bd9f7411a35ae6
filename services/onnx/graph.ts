// A model as a graph that can be asked and changed. It works on the protobuf messages themselves: what nobody touches is
// written back as it was read. Everything that rewrites models stands on it.
//
// Rules of the house: values are their names; change nodes through `edit`, so that the index stays true; tensors are
// replaced, never written into, because graphs share them.
import assert from 'node:assert';
import { create } from '@bufbuild/protobuf';
import { attributes, type AttributeValues } from './attributes.js';
import { constantOf } from './constants.js';
import type { ExternalData } from './external-data.js';
import { FreshNames } from './fresh-names.js';
import { GraphIndex } from './graph-index.js';
import { decode, encode } from './model.js';
import {
  NodeProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto/onnx_pb.js';
import { nodeLabel, refusal } from './refusal.js';
import { realInputs } from './signature.js';
import { renameCaptured, usedNames } from './subgraphs.js';
import { readTensor, writeTensor, type Tensor } from './tensor.js';
import { topologicalOrder } from './topology.js';
import { tensorTypeOf, valueInfo, type TensorType } from './value-info.js';

export interface NodeOptions {
  readonly domain?: string;
  readonly name?: string;
}

export class Graph {
  readonly proto: GraphProto;
  private readonly index: GraphIndex;
  private readonly initializers: Map<string, TensorProto>;
  private names: FreshNames | undefined;

  /** Takes the model over: edits change it. Weights in `external` can be read; they stay where they are. */
  constructor(
    readonly model: ModelProto,
    readonly external: ExternalData = new Map(),
  ) {
    if (model.graph === undefined) throw refusal('This is not an ONNX model: it has no graph.');
    this.proto = model.graph;
    this.index = new GraphIndex(this.proto.node);
    this.initializers = new Map(this.proto.initializer.map((tensor) => [tensor.name, tensor]));
  }

  static read(bytes: Uint8Array, external?: ExternalData): Graph {
    return new Graph(decode(bytes), external);
  }

  /** Sorted, so that makers stand before users as ONNX asks. */
  write(): Uint8Array {
    this.proto.node = this.ordered();
    if (this.model.irVersion < 4n && this.hasUnlistedConstant()) this.model.irVersion = 4n;
    return encode(this.model);
  }

  get opset(): number {
    const standard = this.model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
    return standard === undefined ? 1 : Number(standard.version);
  }

  get nodes(): readonly NodeProto[] {
    return this.proto.node;
  }

  /** What a caller feeds: declared inputs without those that are initialisers. */
  get inputs(): readonly ValueInfoProto[] {
    return realInputs(this.proto);
  }

  get outputs(): readonly ValueInfoProto[] {
    return this.proto.output;
  }

  isOutput(name: string): boolean {
    return this.proto.output.some((output) => output.name === name);
  }

  producer(name: string): NodeProto | undefined {
    return this.index.maker(name);
  }

  /** Nodes that read the value, directly or inside a body. */
  consumers(name: string): ReadonlySet<NodeProto> {
    return this.index.usersOf(name);
  }

  /** Undefined where several read the value, nobody does, or callers see it. */
  onlyConsumer(name: string): NodeProto | undefined {
    const [user, ...others] = this.index.usersOf(name);
    return others.length > 0 || this.isOutput(name) ? undefined : user;
  }

  /** Throws MODEL_REFUSED on a circle. */
  ordered(): NodeProto[] {
    const { nodes, stuck } = topologicalOrder(this.proto.node, usedNames);
    if (stuck !== undefined)
      throw refusal(`The graph runs in a circle through ${nodeLabel(stuck)}.`, { node: stuck.name });
    return nodes;
  }

  initializer(name: string): TensorProto | undefined {
    return this.initializers.get(name);
  }

  /** The value of an initialiser or Constant node. */
  constant(name: string): Tensor | undefined {
    const tensor = this.initializers.get(name);
    if (tensor !== undefined) return readTensor(tensor, this.external);
    const node = this.index.maker(name);
    return node === undefined ? undefined : constantOf(node, this.external);
  }

  isConstant(name: string): boolean {
    return this.initializers.has(name) || this.index.maker(name)?.opType === 'Constant';
  }

  /** The declared type, from inputs, outputs or value_info. shape.ts infers the rest. */
  declaredType(name: string): TensorType | undefined {
    for (const list of [this.proto.input, this.proto.output, this.proto.valueInfo]) {
      const found = list.find((info) => info.name === name);
      if (found !== undefined) return tensorTypeOf(found.type);
    }
    return undefined;
  }

  declareType(name: string, type: TensorType): void {
    this.proto.valueInfo = this.proto.valueInfo.filter((info) => info.name !== name);
    this.proto.valueInfo.push(valueInfo(name, type.dataType, type.shape));
  }

  /** Adds or replaces an initialiser. */
  setConstant(name: string, tensor: Tensor): string {
    const proto = writeTensor(name, tensor);
    if (this.initializers.has(name)) {
      this.proto.initializer = this.proto.initializer.map((old) => (old.name === name ? proto : old));
    } else this.proto.initializer.push(proto);
    this.initializers.set(name, proto);
    this.names?.take(name);
    return name;
  }

  /** Initialisers by name, in the places of the old ones. */
  replaceInitializers(others: ReadonlyMap<string, TensorProto>): void {
    this.proto.initializer = this.proto.initializer.map((old) => others.get(old.name) ?? old);
    for (const tensor of this.proto.initializer) this.initializers.set(tensor.name, tensor);
  }

  removeConstants(names: Iterable<string>): void {
    const gone = new Set(names);
    this.proto.initializer = this.proto.initializer.filter((tensor) => !gone.has(tensor.name));
    // Files of IR 3 list initialisers as inputs too: left there, the name would become something to feed.
    this.proto.input = this.proto.input.filter(
      (input) => !(gone.has(input.name) && this.initializers.has(input.name)),
    );
    for (const name of gone) this.initializers.delete(name);
  }

  /** Adds a node with invented output names, or with those in `outputs`. Position does not matter: `write` sorts. */
  add(
    opType: string,
    inputs: readonly string[],
    values: AttributeValues = {},
    outputs: readonly string[] | number = 1,
    options: NodeOptions = {},
  ): NodeProto {
    const output =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.fresh(opType)) : [...outputs];
    const node = create(NodeProtoSchema, {
      opType,
      domain: options.domain ?? '',
      name: options.name ?? output[0] ?? '',
      input: [...inputs],
      output,
      attribute: attributes(values),
    });
    this.insert(node);
    return node;
  }

  insert(node: NodeProto): void {
    for (const name of node.output) {
      if (name === '') continue;
      assert(this.index.maker(name) === undefined, `the value ${name} is made already`);
      this.names?.take(name);
    }
    this.proto.node.push(node);
    this.index.add(node);
  }

  edit(node: NodeProto, change: (node: NodeProto) => void): void {
    this.index.remove(node);
    change(node);
    this.index.add(node);
    for (const name of node.output) this.names?.take(name);
  }

  remove(nodes: Iterable<NodeProto>): void {
    const gone = new Set(nodes);
    for (const node of gone) this.index.remove(node);
    this.proto.node = this.proto.node.filter((node) => !gone.has(node));
  }

  /** Makes every node that reads `from` read `to`. Outputs of the graph keep what they are. */
  replaceUses(from: string, to: string): void {
    assert(from !== to);
    for (const user of Array.from(this.index.usersOf(from))) {
      this.edit(user, (node) => {
        node.input = node.input.map((name) => (name === from ? to : name));
        renameCaptured(node, from, to);
      });
    }
  }

  /** A name that nothing in the graph or its bodies has. */
  fresh(stem: string): string {
    this.names ??= new FreshNames(this.proto);
    return this.names.invent(stem);
  }

  /** Up to IR 3 every initialiser has to be listed as an input as well. */
  private hasUnlistedConstant(): boolean {
    const listed = new Set(this.proto.input.map((input) => input.name));
    return this.proto.initializer.some((tensor) => !listed.has(tensor.name));
  }
}
