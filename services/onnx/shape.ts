// Types and shapes of all values of a graph, with names for sizes that vary. Cost, cutting, gradients and rewriting ask.
// Rules live in shape/, one file per operator family; an operator without a rule keeps what the file declares about it.
import type { Graph } from './graph.js';
import { tensorOf } from './attributes.js';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from './proto/onnx_pb.js';
import { inferredConstant } from './shape/generation.js';
import { ruleOf } from './shape/rules.js';
import type { Inferred, Question } from './shape/rule.js';
import { typed } from './shape/rule.js';
import { elementCount, readTensor, type Tensor } from './tensor.js';
import { topologicalOrder } from './topology.js';
import { usedNames } from './subgraphs.js';
import { tensorTypeOf, type Dim } from './value-info.js';

export type { Inferred } from './shape/rule.js';

const SMALL = 64;

export interface InferOptions {
  /** Sizes for names, such as `{ batch: 8, w: 320 }`: the result then has numbers where they follow. */
  readonly bind?: Readonly<Record<string, number>>;
  /** Shapes of inputs, where names are missing or differ per input. */
  readonly inputShapes?: Readonly<Record<string, readonly Dim[]>>;
}

/**
 * Every value of the main graph whose type is known. Sizes that nothing is known about are named '?1', '?2', ...
 * Throws MODEL_REFUSED naming the node where shapes contradict each other.
 */
export function inferShapes(graph: Graph, options: InferOptions = {}): Map<string, Inferred> {
  return new Inference(graph, options).run();
}

class Inference {
  private unknownDims = 0;

  constructor(
    private readonly graph: Graph,
    private readonly options: InferOptions,
  ) {}

  run(): Map<string, Inferred> {
    const known = new Map<string, Inferred>();
    for (const input of this.graph.inputs) {
      const type = this.declared(input);
      const shape = this.options.inputShapes?.[input.name];
      if (type !== undefined) known.set(input.name, shape === undefined ? type : typed(type.dataType, shape));
    }
    this.inferGraph(this.graph.proto, known);
    return known;
  }

  /** Adds to `known`, which holds inputs and what is visible from outside. */
  private inferGraph(proto: GraphProto, known: Map<string, Inferred>): void {
    const constants = new Map<string, Tensor>();
    for (const tensor of proto.initializer) this.learn(tensor.name, tensor, known, constants);
    const declared = new Map([...proto.valueInfo, ...proto.output].map((info) => [info.name, info]));
    for (const node of topologicalOrder(proto.node, usedNames).nodes) {
      const [name] = node.output;
      const proto = node.opType === 'Constant' ? tensorOf(node, 'value') : undefined;
      if (proto !== undefined && name !== undefined) this.learn(name, proto, known, constants);
      else this.inferNode(node, known, constants, declared);
    }
  }

  /** Large constants are weights: type and shape are enough, reading would copy them. */
  private learn(
    name: string,
    proto: TensorProto,
    known: Map<string, Inferred>,
    constants: Map<string, Tensor>,
  ): void {
    const dims = proto.dims.map(Number);
    if (elementCount(dims) > SMALL) return void known.set(name, typed(proto.dataType, dims));
    const tensor = readTensor(proto, this.graph.external);
    constants.set(name, tensor);
    known.set(name, inferredConstant(tensor));
  }

  private inferNode(
    node: NodeProto,
    known: Map<string, Inferred>,
    constants: ReadonlyMap<string, Tensor>,
    declared: ReadonlyMap<string, ValueInfoProto>,
  ): void {
    const question: Question = {
      node,
      inputs: node.input.map((name) => known.get(name)),
      opset: this.graph.opset,
      constant: (i) => constants.get(node.input[i] ?? ''),
      unknownDim: () => `?${++this.unknownDims}`,
      body: (body, inputs) => this.inferBody(body, inputs, known),
    };
    const answers = ruleOf(node)?.(question) ?? [];
    node.output.forEach((name, i) => {
      if (name === '') return;
      const info = declared.get(name);
      const type = merged(answers[i], info === undefined ? undefined : this.declared(info));
      if (type !== undefined) known.set(name, type);
    });
  }

  private inferBody(
    body: GraphProto,
    inputs: readonly (Inferred | undefined)[],
    outer: ReadonlyMap<string, Inferred>,
  ): (Inferred | undefined)[] {
    const known = new Map(outer);
    body.input.forEach((input, i) => {
      const type = inputs[i] ?? this.declared(input);
      if (type === undefined) known.delete(input.name);
      else known.set(input.name, type);
    });
    this.inferGraph(body, known);
    return body.output.map(({ name }) => known.get(name));
  }

  private declared(info: ValueInfoProto): Inferred | undefined {
    const type = tensorTypeOf(info.type);
    if (type === undefined) return undefined;
    const bind = this.options.bind ?? {};
    return typed(
      type.dataType,
      type.shape?.map((dim) =>
        dim === '' ? `?${++this.unknownDims}` : typeof dim === 'string' ? (bind[dim] ?? dim) : dim,
      ),
    );
  }
}

/** What a rule found, completed by what the file says. A declared name beats an invented one. */
function merged(found: Inferred | undefined, declared: Inferred | undefined): Inferred | undefined {
  if (found === undefined || declared === undefined) return found ?? declared;
  if (found.shape === undefined) return typed(found.dataType, declared.shape, found.content);
  const said = declared.shape;
  if (said?.length !== found.shape.length) return found;
  const shape = found.shape.map((dim, i) => {
    const other = said[i] ?? dim;
    return typeof dim === 'string' &&
      (typeof other === 'number' || (dim.startsWith('?') && !other.startsWith('?')))
      ? other
      : dim;
  });
  return typed(found.dataType, shape, found.content);
}
