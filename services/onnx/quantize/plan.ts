// Which values of a graph become integers: what layers read and make, and what can stay integer on the way from one layer to
// the next. Pure; static quantization writes what is planned here, and the check of fused nodes asks for it.
import { floatValues } from '../tensor.js';
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { WeightLayer } from './layers.js';

export interface Plan {
  readonly layers: readonly PlannedLayer[];
  /** Values with a pair of QuantizeLinear and DequantizeLinear, each with the value whose range it has. */
  readonly roots: ReadonlyMap<string, string>;
  /** Nodes that compute in integers, apart from the layers. */
  readonly others: ReadonlySet<NodeProto>;
}

export interface PlannedLayer extends WeightLayer {
  /** What stands behind the activation that the layer takes in, or its own output. */
  readonly end: string;
  /** Whether `end` leaves as an integer; the last layers answer in float. */
  readonly integerOutput: boolean;
}

/** onnxruntime has an integer form of these with scales of their own for every input and output. */
const COMPUTING = new Set('Add Mul Concat AveragePool GlobalAveragePool Sigmoid LeakyRelu'.split(' '));
/** These pass integers through, if scale and zero point stay the same. */
const MOVING = new Set('MaxPool Reshape Transpose Flatten Squeeze Unsqueeze Slice Identity'.split(' '));

export function planned(graph: Graph, layers: readonly WeightLayer[]): Plan {
  const layerOf = new Map(layers.map((layer) => [layer.node, layer]));
  const order = graph.ordered();
  const carried = new Map<string, string>(); // value to the value whose range it has
  const candidates = new Map<NodeProto, string>();
  for (const node of order) {
    const [output = ''] = node.output;
    const [input = ''] = node.input;
    if (layerOf.has(node)) carried.set(endOf(graph, output), endOf(graph, output));
    else if (COMPUTING.has(node.opType) && node.input.every((name) => carried.has(name))) {
      const end = node.opType === 'Add' ? endOf(graph, output) : output;
      candidates.set(node, end);
      carried.set(end, end);
    } else if (MOVING.has(node.opType) && carried.has(input)) {
      candidates.set(node, output);
      carried.set(output, carried.get(input) ?? input);
    }
  }
  const others = usefulOf(graph, order, new Set(layers.map(({ node }) => node)), candidates);
  const reads = (value: string): boolean =>
    [...graph.consumers(value)].some((user) => others.has(user) || layerOf.get(user)?.input === value);
  const chosen = layers.map((layer): PlannedLayer => {
    const end = endOf(graph, layer.output);
    // Conv has no integer form with a float output; the others have, which spares the last rounding, unless a Relu behind them
    // would be fused into the float layer before the integer one is seen.
    return { ...layer, end, integerOutput: layer.kind === 'Conv' || end !== layer.output || reads(end) };
  });
  const roots = new Map<string, string>();
  const take = (value: string): void => void roots.set(value, carried.get(value) ?? value);
  for (const { input, end, integerOutput } of chosen) {
    take(input);
    if (integerOutput) take(end);
  }
  for (const node of others) {
    const inputs = MOVING.has(node.opType) ? node.input.slice(0, 1) : node.input;
    inputs.forEach(take);
    take(candidates.get(node) ?? '');
  }
  return { layers: chosen, roots, others };
}

/** Candidates that lead to a layer: going to integers and straight back would cost more than it saves. */
function usefulOf(
  graph: Graph,
  order: readonly NodeProto[],
  layers: ReadonlySet<NodeProto>,
  candidates: ReadonlyMap<NodeProto, string>,
): Set<NodeProto> {
  const useful = new Set<NodeProto>();
  for (const node of order.toReversed()) {
    const end = candidates.get(node);
    if (end === undefined) continue;
    if ([...graph.consumers(end)].some((user) => useful.has(user) || layers.has(user))) useful.add(node);
  }
  return useful;
}

/** Relu, and Clip from 0, vanish into the rounding of what is before them. */
function endOf(graph: Graph, value: string): string {
  const user = graph.onlyConsumer(value);
  if (user === undefined) return value;
  return absorbed(graph, user) ? (user.output[0] ?? value) : value;
}

function absorbed(graph: Graph, node: NodeProto): boolean {
  if (node.opType === 'Relu') return true;
  const least = node.opType === 'Clip' ? graph.constant(node.input[1] ?? '') : undefined;
  return least !== undefined && floatValues(least)[0] === 0;
}
