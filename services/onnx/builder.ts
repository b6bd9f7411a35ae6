// Graphs in a few lines: `const y = g.op('MatMul', [x, w])`. Values are their names. Tests, training graphs, model
// builders and rewrites write their nodes with it.
import assert from 'node:assert';
import { create } from '@bufbuild/protobuf';
import { attributes, type AttributeValues } from './attributes.js';
import { encode } from './model.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as T,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from './proto/onnx_pb.js';
import { float32, int64, writeTensor, type Tensor } from './tensor.js';
import { valueInfo } from './value-info.js';

export interface BuilderOptions {
  readonly opset?: number;
  readonly name?: string;
  /** Further domains and their versions, such as `{ 'com.microsoft': 1 }`. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Prefix of invented names; give bodies one of their own, names must not meet those outside. */
  readonly prefix?: string;
}

export interface OpOptions {
  readonly domain?: string;
  /** Names of the outputs; invented from the operator where absent. */
  readonly outputs?: readonly string[];
  readonly name?: string;
}

export class GraphBuilder {
  readonly graph: GraphProto;
  private readonly taken = new Set<string>();
  private counter = 0;

  constructor(private readonly options: BuilderOptions = {}) {
    this.graph = create(GraphProtoSchema, { name: options.name ?? 'graph' });
  }

  input(name: string, dataType: T, shape?: readonly (number | string)[]): string {
    this.graph.input.push(valueInfo(this.take(name), dataType, shape));
    return name;
  }

  /** An initialiser. */
  constant(name: string, tensor: Tensor): string {
    this.graph.initializer.push(writeTensor(this.take(name), tensor));
    return name;
  }

  /** A float32 constant, of rank 0 when given one number. */
  float(values: number | readonly number[], dims?: readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    return this.constant(
      this.unused('float'),
      float32(dims ?? (typeof values === 'number' ? [] : [list.length]), list),
    );
  }

  /** An int64 constant: axes, shapes, indices. */
  ints(values: number | readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values;
    return this.constant(this.unused('ints'), int64(typeof values === 'number' ? [] : [list.length], list));
  }

  /** Adds a node and returns its first output. '' among the inputs is an omitted one. */
  op(
    opType: string,
    inputs: readonly string[],
    values: AttributeValues = {},
    options: OpOptions = {},
  ): string {
    const [first] = this.ops(opType, inputs, options.outputs?.length ?? 1, values, options);
    assert(first !== undefined);
    return first;
  }

  /** Adds a node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    values: AttributeValues = {},
    options: OpOptions = {},
  ): string[] {
    const outputs = options.outputs?.map((name) => this.take(name)) ?? [];
    while (outputs.length < outputCount) outputs.push(this.fresh(opType));
    const node: NodeProto = create(NodeProtoSchema, {
      opType,
      domain: options.domain ?? '',
      name: options.name ?? outputs[0] ?? '',
      input: [...inputs],
      output: outputs,
      attribute: attributes(values),
    });
    this.graph.node.push(node);
    return outputs;
  }

  /** Declares a value as an output of the graph. With `as` it is given that name by an Identity. */
  output(value: string, dataType: T, shape?: readonly (number | string)[], as?: string): string {
    const name =
      as === undefined || as === value ? value : this.op('Identity', [value], {}, { outputs: [as] });
    this.graph.output.push(valueInfo(name, dataType, shape));
    return name;
  }

  /** A builder for a body of If, Loop or Scan: it may use names of this graph and invents others. */
  body(name: string): GraphBuilder {
    return new GraphBuilder({ ...this.options, name, prefix: `${this.options.prefix ?? ''}${name}_` });
  }

  initializer(tensor: TensorProto): string {
    this.take(tensor.name);
    this.graph.initializer.push(tensor);
    return tensor.name;
  }

  /** A name that nothing here has yet. */
  fresh(stem: string): string {
    return this.take(this.unused(stem));
  }

  build(): ModelProto {
    const { opset = 21, domains = {} } = this.options;
    const opsetImport = [
      { domain: '', version: opset },
      ...Object.entries(domains).map(([domain, version]) => ({ domain, version })),
    ];
    return create(ModelProtoSchema, {
      // The oldest IR that may carry the opset keeps the file readable for old tools; 10 came with opset 21.
      irVersion: opset >= 23 ? 11n : opset >= 21 ? 10n : 8n,
      producerName: 'massif',
      opsetImport: opsetImport.map(({ domain, version }) => ({ domain, version: BigInt(version) })),
      graph: this.graph,
    });
  }

  bytes(): Uint8Array {
    return encode(this.build());
  }

  private unused(stem: string): string {
    let name: string;
    do name = `${this.options.prefix ?? ''}${stem}_${this.counter++}`;
    while (this.taken.has(name));
    return name;
  }

  private take(name: string): string {
    assert(!this.taken.has(name), `the name ${name} is taken`);
    this.taken.add(name);
    return name;
  }
}
