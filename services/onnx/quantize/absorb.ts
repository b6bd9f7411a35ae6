// Products and sums with constants that stand before or behind a convolution go into its weights and bias: what is left between two layers is
// the activation. Networks that were trained with several branches and a scale each (MobileOne, PP-LCNet) have two such nodes on both sides of
// every layer, each a pass over the whole map in float. Quantization prepares models with it.
import { intsOf, stringOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import { TensorProto_DataType as T, type NodeProto } from '../proto/onnx_pb.js';
import { elementCount, float32, floatValues, type Tensor } from '../tensor.js';

/** A sum that cannot go through a padded layer is divided by the factor before it; a smaller one would make it too large. */
const LEAST_FACTOR = 1e-4;

/** Works in place; answers change by rounding alone. */
export function absorbConstants(graph: Graph): void {
  for (const node of graph.ordered()) {
    if (node.opType !== 'Conv' || !isOwn(graph, node)) continue;
    while (absorbedBehind(graph, node) || absorbedBefore(graph, node));
  }
}

/** Weights, and the bias where there is one, are float32 constants that no other node reads. */
function isOwn(graph: Graph, { input: [, weight = '', bias = ''] }: NodeProto): boolean {
  return [weight, bias].every(
    (name) =>
      name === '' ||
      (graph.initializer(name)?.dataType === (T.FLOAT as number) && graph.consumers(name).size === 1),
  );
}

/** Conv, then Mul or Add with one number, or one for each channel. */
function absorbedBehind(graph: Graph, node: NodeProto): boolean {
  const [output = ''] = node.output;
  const user = graph.onlyConsumer(output);
  const { weight, bias, channels } = layerOf(graph, node);
  const by = user && constantBeside(graph, user, output);
  if (user === undefined || by === undefined) return false;
  const each = perChannel(by, channels, weight.dims.length);
  if (each === undefined) return false;
  const window = weight.data.length / channels;
  const factor = user.opType === 'Mul' ? each : () => 1;
  const sum = user.opType === 'Mul' ? () => 0 : each;
  replaceLayer(
    graph,
    node,
    float32(
      weight.dims,
      floatValues(weight).map((value, i) => value * factor(Math.floor(i / window))),
    ),
    bias.map((value, i) => value * factor(i) + sum(i)),
  );
  const [end = ''] = user.output;
  graph.remove([user]);
  graph.edit(node, (one) => (one.output = [end]));
  return true;
}

/** Mul or Add with one number, read by the Conv alone. A sum changes what padding means: it stays before a padded layer. */
function absorbedBefore(graph: Graph, node: NodeProto): boolean {
  const [input = ''] = node.input;
  const maker = graph.producer(input);
  if (maker === undefined || graph.onlyConsumer(input) !== node) return false;
  if (maker.opType === 'Add' && isPadded(node)) return pushedThrough(graph, maker);
  const [value, number] = scalarOf(graph, maker);
  if (value === undefined || number === undefined) return false;
  const { weight, bias, channels } = layerOf(graph, node);
  const values = floatValues(weight);
  const window = values.length / channels;
  const sumOf = (channel: number): number =>
    values.subarray(channel * window, (channel + 1) * window).reduce((a, b) => a + b, 0);
  if (maker.opType === 'Mul')
    replaceLayer(
      graph,
      node,
      float32(
        weight.dims,
        values.map((one) => one * number),
      ),
      bias,
    );
  else
    replaceLayer(
      graph,
      node,
      weight,
      bias.map((one, i) => one + number * sumOf(i)),
    );
  graph.remove([maker]);
  graph.edit(node, (one) => (one.input = one.input.with(0, value)));
  return true;
}

/** s x + b before a padded layer becomes s (x + b / s), of which the factor goes into the layer. */
function pushedThrough(graph: Graph, add: NodeProto): boolean {
  const [product, sum] = scalarOf(graph, add);
  const mul = product === undefined ? undefined : graph.producer(product);
  if (product === undefined || sum === undefined || mul?.opType !== 'Mul') return false;
  const [value, factor] = scalarOf(graph, mul);
  if (value === undefined || factor === undefined || Math.abs(factor) < LEAST_FACTOR) return false;
  if (graph.onlyConsumer(product) !== add) return false;
  const [end = ''] = add.output;
  const by = mul.input.find((name) => name !== value) ?? '';
  graph.remove([mul, add]);
  const apart = graph.setConstant(graph.fresh('sum'), float32([1], [sum / factor]));
  const [moved = ''] = graph.add('Add', [value, apart]).output;
  graph.add('Mul', [moved, by], {}, [end]);
  return true;
}

function layerOf(graph: Graph, { input: [, w = '', b = ''] }: NodeProto) {
  const weight = graph.constant(w) ?? float32([0], []);
  const channels = weight.dims[0] ?? 1;
  const bias = b === '' ? undefined : graph.constant(b);
  return {
    weight,
    channels,
    bias: bias === undefined ? new Float32Array(channels) : floatValues(bias),
  };
}

function replaceLayer(graph: Graph, node: NodeProto, weight: Tensor, bias: Float32Array): void {
  const [, w = '', b = ''] = node.input;
  graph.setConstant(w, weight);
  const name = b === '' ? graph.fresh(`${w}.bias`) : b;
  graph.setConstant(name, float32([bias.length], bias));
  if (b === '') graph.edit(node, (one) => (one.input = [...one.input.slice(0, 2), name]));
}

/** What a Mul or Add takes beside the value, where that is a float32 constant. */
function constantBeside(graph: Graph, node: NodeProto, value: string): Tensor | undefined {
  if (node.opType !== 'Mul' && node.opType !== 'Add') return undefined;
  const other = node.input.find((name) => name !== value);
  const tensor = other === undefined ? undefined : graph.constant(other);
  return tensor?.dataType === (T.FLOAT as number) ? tensor : undefined;
}

/** The value that a Mul or Add with one number takes, and the number. */
function scalarOf(graph: Graph, node: NodeProto): [string, number] | [] {
  const value = node.input.find((name) => !graph.isConstant(name));
  const by = value === undefined ? undefined : constantBeside(graph, node, value);
  if (value === undefined || by === undefined || by.data.length !== 1 || by.dims.length > 3) return [];
  return [value, floatValues(by)[0] ?? 0];
}

/** `rank`: of the layer's output. */
function perChannel(by: Tensor, channels: number, rank: number): ((channel: number) => number) | undefined {
  const values = floatValues(by);
  if (by.dims.length > rank) return undefined;
  if (values.length === 1) return () => values[0] ?? 0;
  const at = by.dims.length - (rank - 1); // axis 1 of the output
  if (at < 0 || by.dims[at] !== channels || elementCount([...by.dims]) !== channels) return undefined;
  return (channel) => values[channel] ?? 0;
}

const isPadded = (node: NodeProto): boolean =>
  (intsOf(node, 'pads') ?? []).some((pad) => pad !== 0) ||
  stringOf(node, 'auto_pad', 'NOTSET').startsWith('SAME');
