// Two models in a row as one: outputs of the first become inputs of the second. The inverse of split.ts; bytes of
// weights stay as they are.
import { create, equals } from '@bufbuild/protobuf';
import { copyGraph } from './copy-node.js';
import { functionKey } from './functions.js';
import { Graph } from './graph.js';
import { GraphProtoSchema, TensorProtoSchema, type GraphProto, type ModelProto } from './proto/onnx_pb.js';
import { clip, refusal } from './refusal.js';
import { prefixNames } from './rename.js';
import { variant } from './variant.js';

export interface MergeOptions {
  /** Output of the first to input of the second. By default equal names are joined. */
  readonly join?: Readonly<Record<string, string>>;
  /** Put before all inner names of the second where names would meet. By default 'second/'. */
  readonly prefix?: string;
}

/**
 * Inputs are those of the first and those of the second that are not joined (equal names are the same input); outputs
 * are those of the second and those of the first that are not joined. Throws MODEL_REFUSED where nothing is joined,
 * where operator sets differ, or outputs would have one name.
 */
export function merge(first: Graph, second: Graph, options: MergeOptions = {}): Graph {
  const join = joins(first, second, options.join);
  const opsetImport = mergedOpsets(first.model, second.model);
  const a = copyGraph(first.proto);
  const joined = new Set(join.values());
  const shared = new Set(first.inputs.map((input) => input.name).filter((name) => !joined.has(name)));
  const common = sharedConstants(a, second.proto);
  const b = prefixNames(copyGraph(second.proto), takenNames(a), options.prefix ?? 'second/', {
    ...Object.fromEntries([...common].map((name) => [name, name])),
    ...Object.fromEntries([...join].map(([from, to]) => [to, from])),
    ...Object.fromEntries(
      second.inputs.filter(({ name }) => shared.has(name)).map(({ name }) => [name, name]),
    ),
  });
  const joinedOutputs = new Set(join.keys());
  const output = [...a.output.filter(({ name }) => !joinedOutputs.has(name)), ...b.output];
  refuseTwice(output.map(({ name }) => name));
  const names = new Set(a.input.map(({ name }) => name));
  const graph = create(GraphProtoSchema, {
    name: first.proto.name,
    node: [...a.node, ...b.node],
    initializer: [...a.initializer, ...b.initializer.filter(({ name }) => !common.has(name))],
    sparseInitializer: [...a.sparseInitializer, ...b.sparseInitializer],
    input: [...a.input, ...b.input.filter(({ name }) => !names.has(name) && !joinedOutputs.has(name))],
    output,
    valueInfo: [...a.valueInfo, ...a.output.filter(({ name }) => joinedOutputs.has(name)), ...b.valueInfo],
    quantizationAnnotation: [...a.quantizationAnnotation, ...b.quantizationAnnotation],
  });
  const irVersion =
    first.model.irVersion > second.model.irVersion ? first.model.irVersion : second.model.irVersion;
  const functions = mergedFunctions(first.model, second.model);
  const model = variant(first.model, { irVersion, opsetImport, functions, graph });
  return new Graph(model, new Map([...first.external, ...second.external]));
}

function joins(
  first: Graph,
  second: Graph,
  given: Readonly<Record<string, string>> | undefined,
): Map<string, string> {
  const inputs = new Set(second.inputs.map((input) => input.name));
  const outputs = first.outputs.map((output) => output.name);
  const join = new Map(
    Object.entries(
      given ?? Object.fromEntries(outputs.filter((name) => inputs.has(name)).map((name) => [name, name])),
    ),
  );
  if (join.size === 0) throw refusal('No output of the first model is an input of the second.');
  for (const [from, to] of join) {
    if (!outputs.includes(from))
      throw refusal(`The first model has no output "${clip(from)}".`, { output: from });
    if (!inputs.has(to)) throw refusal(`The second model has no input "${clip(to)}".`, { input: to });
  }
  return join;
}

/** Constants that both carry under one name with one content, as pieces of one model do: one of them is enough. */
function sharedConstants(first: GraphProto, second: GraphProto): Set<string> {
  const own = new Map(first.initializer.map((tensor) => [tensor.name, tensor]));
  const shared = second.initializer.filter((tensor) => {
    const other = own.get(tensor.name);
    return other !== undefined && equals(TensorProtoSchema, tensor, other);
  });
  return new Set(shared.map(({ name }) => name));
}

function takenNames(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const { name } of [...graph.input, ...graph.initializer]) names.add(name);
  for (const { values } of graph.sparseInitializer) names.add(values?.name ?? '');
  for (const node of graph.node) for (const name of node.output) if (name !== '') names.add(name);
  return names;
}

function mergedOpsets(first: ModelProto, second: ModelProto): ModelProto['opsetImport'] {
  const merged = [...first.opsetImport];
  for (const opset of second.opsetImport) {
    const same = merged.find(({ domain }) => domain === opset.domain);
    if (same === undefined) merged.push(opset);
    else if (same.version !== opset.version) {
      throw refusal(
        `The models use opset ${same.version} and ${opset.version} of "${opset.domain}": convert one of them first.`,
      );
    }
  }
  return merged;
}

function mergedFunctions(first: ModelProto, second: ModelProto): ModelProto['functions'] {
  const keys = new Set(first.functions.map((one) => functionKey(one)));
  // Halves of one model carry the same functions; two models that merely use the same name cannot be told apart here.
  return [...first.functions, ...second.functions.filter((one) => !keys.has(functionKey(one)))];
}

function refuseTwice(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw refusal(`Both models have an output "${clip(twice)}".`, { output: twice });
}
