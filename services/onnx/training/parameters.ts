// Which constants of a graph are weights that can learn. training-graph.ts takes them where the caller names none.
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { elementCount } from '../tensor.js';

/** Inputs of operators that hold weights. A single number there is a setting, not a weight. */
const WEIGHT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  SimplifiedLayerNormalization: [1],
  RMSNormalization: [1],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  SkipLayerNormalization: [2, 3, 4],
  PRelu: [1],
  Gather: [0],
  LSTM: [1, 2, 3],
  GRU: [1, 2, 3],
  Add: [0, 1],
  FusedConv: [1, 2],
  FusedGemm: [1, 2],
  FusedMatMul: [0, 1],
  BiasGelu: [1],
  FastGelu: [1],
};

/** Works on a graph whose Constant nodes are initialisers already. In the order of the file. */
export function findParameters(graph: Graph): string[] {
  const found = new Set<string>();
  const fed = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    // Added to or multiplied with what comes in: normalisation of the data, which is fixed.
    if (node.opType === 'Add' && node.input.some((name) => fed.has(name))) continue;
    for (const i of WEIGHT_INPUTS[node.opType] ?? []) {
      const name = weightAt(graph, node, i);
      if (name !== undefined) found.add(name);
    }
  }
  return graph.proto.initializer.map(({ name }) => name).filter((name) => found.has(name));
}

/** Exporters also write a weight's transpose as a node of its own. */
function weightAt(graph: Graph, node: NodeProto, i: number): string | undefined {
  let name = node.input[i] ?? '';
  for (let maker = graph.producer(name); maker !== undefined; maker = graph.producer(name)) {
    if (!['Identity', 'Transpose', 'Reshape'].includes(maker.opType)) return undefined;
    name = maker.input[0] ?? '';
  }
  const tensor = graph.initializer(name);
  if (tensor === undefined || !isReal(tensor.dataType)) return undefined;
  return elementCount(tensor.dims.map(Number)) > 1 || tensor.dims.length > 0 ? name : undefined;
}

const isReal = (dataType: number): boolean =>
  dataType === (T.FLOAT as number) || dataType === (T.DOUBLE as number);

/** Throws MODEL_REFUSED for a name that is no weight. */
export function checkParameters(graph: Graph, names: readonly string[]): void {
  for (const name of names) {
    const tensor = graph.initializer(name);
    if (tensor === undefined)
      throw refusal(`The model has no weights named "${clip(name)}".`, { tensor: name });
    if (!isReal(tensor.dataType))
      throw refusal(`"${clip(name)}" does not hold real numbers and cannot learn.`, { tensor: name });
  }
}
