// What the layers of a network take on this machine at the widths that they may get, measured in onnxruntime: each alone, with the inputs
// that it has in the network. Thinning to a latency chooses by it.
import { setAttribute } from '../attributes.js';
import { GraphBuilder } from '../builder.js';
import { copyNode } from '../copy-node.js';
import type { Graph } from '../graph.js';
import { profile } from '../profile.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { eachSample } from '../quantize/calibrate.js';
import type { Tensors } from '../session.js';
import { elementCount, float32 } from '../tensor.js';
import type { ChannelGroups, Segment } from './channel-groups.js';
import { type NarrowLayer, type NarrowingParts, numbers } from './narrowing.js';
import { countedLayers, type ThinLayer } from './thin-layers.js';
import { combinations, widthTable } from './width-table.js';

const RUNS = 8;
/** Of the whole table, the shorter time of each entry: what else the machine did during one pass then says nothing. */
const PASSES = 2;
/** Along an axis on which several groups meet: so many even parts of it. */
const PARTS = 8;

interface NarrowerLayer {
  readonly layer: ThinLayer;
  /** Of its input, its weights and its bias. */
  readonly shapes: readonly (readonly number[])[];
  /** Groups of a depthwise layer. */
  readonly group: number | undefined;
}

/** In step with `layers`. Throws DATA_REFUSED where the example does not fit the model. */
export async function measuredLayers(
  graph: Graph,
  groups: ChannelGroups,
  layers: readonly ThinLayer[],
  example: Tensors,
  widthsOf: NarrowingParts['widthsOf'],
): Promise<NarrowLayer[]> {
  const inputs = new Map<string, readonly number[]>();
  const names = new Set(layers.map(({ node }) => node.input[0] ?? ''));
  await eachSample(graph, [...names], [example], (name, { dims }) => inputs.set(name, dims));
  const narrower = (layer: ThinLayer, left: readonly number[]): NarrowerLayer =>
    narrowerLayer(graph, layer, inputs.get(layer.node.input[0] ?? '') ?? [], left);
  const axes = layers.map(({ cuts }) => cuts.map(({ segments }) => pointsOf(segments, groups, widthsOf)));
  const asked = layers.flatMap((layer, i) =>
    combinations(axes[i] ?? []).map((left) => narrower(layer, left)),
  );
  // Networks repeat their layers.
  const distinct = new Map(asked.map((one) => [keyOf(one), one]));
  const found = new Map<string, number>();
  for (let pass = 0; pass < PASSES; pass++)
    for (const [key, one] of distinct)
      found.set(key, Math.min(found.get(key) ?? Infinity, await kernelNs(graph, one)));
  return countedLayers(graph, layers).map((counted, i) => {
    const layer = layers[i];
    const nsAt = (left: readonly number[]): number =>
      layer === undefined ? 0 : (found.get(keyOf(narrower(layer, left))) ?? 0);
    return { ...counted, ns: widthTable(axes[i] ?? [], nsAt) };
  });
}

/** Numbers along an axis that are measured, rising. */
function pointsOf(
  segments: readonly Segment[],
  { rootOf, free }: ChannelGroups,
  widthsOf: NarrowingParts['widthsOf'],
): number[] {
  const all = numbers(segments);
  const [only, ...more] = segments;
  if (only === undefined || more.length > 0)
    return Array.from({ length: PARTS }, (_, i) => Math.ceil((all * (i + 1)) / PARTS));
  const group = rootOf(only.group);
  const below = free.has(group) ? widthsOf(group, only.size) : [];
  return [...below.map((width) => width * only.repeat).toReversed(), all];
}

function narrowerLayer(
  graph: Graph,
  layer: ThinLayer,
  input: readonly number[],
  left: readonly number[],
): NarrowerLayer {
  const { node, dims, axis, cuts, depthwise } = layer;
  const weights = cuts.reduce<readonly number[]>((shape, cut, i) => shape.with(cut.axis, left[i] ?? 0), dims);
  const outputs = weights[axis] ?? 1;
  const channels = depthwise ? outputs : (weights[1 - axis] ?? 1);
  const bias = graph.constant(node.input[2] ?? '')?.dims;
  const biases = bias === undefined ? [] : [bias.at(-1) === dims[axis] ? bias.with(-1, outputs) : bias];
  return {
    layer,
    shapes: [input.with(node.opType === 'Conv' ? 1 : -1, channels), weights, ...biases],
    group: depthwise ? outputs : undefined,
  };
}

const keyOf = ({ layer: { node }, shapes, group }: NarrowerLayer): string =>
  JSON.stringify([
    node.opType,
    shapes,
    group,
    node.attribute.map(({ name, i, f, ints }) => [name, Number(i), f, ints.map(Number)]),
  ]);

/** Of the kernel itself: what turns the layout of its input around is done once for several layers. */
async function kernelNs(graph: Graph, { layer, shapes, group }: NarrowerLayer): Promise<number> {
  const g = new GraphBuilder({ opset: graph.opset });
  const [input = [], ...constants] = shapes;
  const names = constants.map((dims, i) =>
    g.constant(`w${i}`, float32(dims, new Float32Array(elementCount(dims)).fill(0.01))),
  );
  const y = g.op(layer.node.opType, [g.input('x', T.FLOAT, input), ...names]);
  for (const node of g.graph.node) {
    node.attribute = copyNode(layer.node).attribute;
    if (group !== undefined) setAttribute(node, 'group', group);
  }
  g.output(y, T.FLOAT, undefined, 'y');
  const x = float32(input, new Float32Array(elementCount(input)).fill(0.5));
  const nodes = await profile(g.bytes(), { x }, RUNS);
  return 1e6 * nodes.reduce((ms, one) => ms + (KERNEL.test(one.opType) ? one.medianMs : 0), 0);
}

const KERNEL = /Conv|Gemm|MatMul/;
