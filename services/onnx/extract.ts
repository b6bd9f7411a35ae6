// A part of a graph as a model of its own: from the given values to the given values, with only the constants it needs.
// Splitting, constant folding and calibration cut their pieces out with it.
import { create } from '@bufbuild/protobuf';
import { copyGraph, copyNode } from './copy-node.js';
import { dropUnusedFunctions, reachable, type Reached } from './dead-nodes.js';
import { Graph } from './graph.js';
import { ValueInfoProtoSchema, type ValueInfoProto } from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';
import { variant } from './variant.js';
import { valueInfo, type TensorType } from './value-info.js';

export interface ExtractOptions {
  /** Types of values the file does not declare, such as those that inferShapes found. */
  readonly types?: ReadonlyMap<string, TensorType>;
  /** Leaves types of outputs to onnxruntime, which infers them while loading. Enough for a graph that is run at once. */
  readonly untyped?: boolean;
  readonly name?: string;
}

/**
 * The nodes that lead from `inputs` to `outputs`. Inputs that nothing needs are left out. Throws MODEL_REFUSED where the
 * outputs depend on an input of the whole graph that is not in `inputs`, and where the type of a new input is unknown.
 */
export function extract(
  graph: Graph,
  inputs: readonly string[],
  outputs: readonly string[],
  options: ExtractOptions = {},
): Graph {
  const reached = reachable(graph, outputs, new Set(inputs));
  refuseOpenInputs(graph, reached, new Set(inputs), outputs);
  const isUsed = (name: string): boolean => reached.names.has(name);
  const proto = variant(graph.proto, {
    name: options.name ?? graph.proto.name,
    node: graph
      .ordered()
      .filter((node) => reached.nodes.has(node))
      .map(copyNode),
    initializer: graph.proto.initializer.filter(({ name }) => isUsed(name) && !inputs.includes(name)),
    sparseInitializer: graph.proto.sparseInitializer.filter(({ values }) => isUsed(values?.name ?? '')),
    input: inputs.filter(isUsed).map((name) => declare(graph, name, options.types)),
    output: outputs.map((name) =>
      options.untyped ? create(ValueInfoProtoSchema, { name }) : declare(graph, name, options.types),
    ),
    valueInfo: graph.proto.valueInfo.filter(
      ({ name }) => isUsed(name) && !inputs.includes(name) && !outputs.includes(name),
    ),
    quantizationAnnotation: graph.proto.quantizationAnnotation.filter(({ tensorName }) => isUsed(tensorName)),
  });
  const model = variant(graph.model, { functions: [...graph.model.functions], graph: proto });
  dropUnusedFunctions(model);
  return new Graph(model, graph.external);
}

/** A second graph with the same meaning; weights are shared. */
export function copyModel(graph: Graph): Graph {
  const model = variant(graph.model, {
    functions: [...graph.model.functions],
    graph: copyGraph(graph.proto),
  });
  return new Graph(model, graph.external);
}

function declare(graph: Graph, name: string, types: ExtractOptions['types']): ValueInfoProto {
  const { input, output, valueInfo: between } = graph.proto;
  const declared = [...input, ...output, ...between].find(
    (info) => info.name === name && info.type !== undefined,
  );
  if (declared !== undefined) return variant(declared, {});
  const constant = graph.initializer(name);
  if (constant !== undefined) return valueInfo(name, constant.dataType, constant.dims.map(Number));
  const type = types?.get(name);
  if (type === undefined) {
    throw refusal(`The type of "${clip(name)}" is not known: infer shapes first, or give it in types.`, {
      tensor: name,
    });
  }
  // Invented names of unknown sizes mean nothing to a reader of the file.
  const shape = type.shape?.map((size) => (typeof size === 'string' && size.startsWith('?') ? '' : size));
  return valueInfo(name, type.dataType, shape);
}

function refuseOpenInputs(
  graph: Graph,
  reached: Reached,
  given: ReadonlySet<string>,
  outputs: readonly string[],
): void {
  const open = graph.inputs.find(({ name }) => reached.names.has(name) && !given.has(name));
  if (open !== undefined) {
    throw refusal(
      `"${clip(outputs.join('", "'))}" also depends on the input "${clip(open.name)}", which is outside the cut.`,
      {
        input: open.name,
      },
    );
  }
  const ghost = outputs.find(
    (name) => graph.producer(name) === undefined && !given.has(name) && !graph.isConstant(name),
  );
  if (ghost !== undefined) throw refusal(`The graph makes no "${clip(ghost)}".`, { tensor: ghost });
}
