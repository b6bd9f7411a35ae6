// The layers that thinning makes narrower: their weights, the axes that lose channels, their multiplications. What they take is counted
// here, or measured (layer-table.ts).
import { intOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import { layerNs } from '../layer-cost.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { inferShapes } from '../shape.js';
import { elementCount } from '../tensor.js';
import type { ChannelGroups, Segment } from './channel-groups.js';
import { type NarrowLayer, numbers } from './narrowing.js';

export interface ThinLayer {
  readonly node: NodeProto;
  readonly weight: string;
  /** Of the weights. */
  readonly dims: readonly number[];
  /** Axis of the weights along which output channels lie. */
  readonly axis: number;
  /** One entry for each axis of the weights that loses channels; of a depthwise layer the one of its windows. */
  readonly cuts: readonly { readonly axis: number; readonly segments: readonly Segment[] }[];
  readonly depthwise: boolean;
}

export function thinLayers(graph: Graph, groups: ChannelGroups): ThinLayer[] {
  const byNode = new Map<NodeProto, ThinLayer['cuts'][number][]>();
  for (const { node, role, axis, segments } of groups.cuts)
    if (role !== 'follower') byNode.set(node, [...(byNode.get(node) ?? []), { axis, segments }]);
  const depthwise = new Set(groups.depthwise.map(({ node }) => node));
  for (const { node, segments } of groups.depthwise) byNode.set(node, [{ axis: 0, segments }]);
  return [...byNode].map(([node, cuts]) => {
    const weight = node.input[1] ?? '';
    const dims = graph.initializer(weight)?.dims.map(Number) ?? [];
    const axis = node.opType === 'Conv' || intOf(node, 'transB', 0) === 1 ? 0 : dims.length - 1;
    return { node, weight, dims, axis, cuts, depthwise: depthwise.has(node) };
  });
}

/** In step with `layers`: time falls as multiplications do. */
export function countedLayers(graph: Graph, layers: readonly ThinLayer[]): NarrowLayer[] {
  const types = inferShapes(graph);
  return layers.map(({ node, dims, axis, cuts }) => {
    // Sizes that vary are the same for all layers before pools, so that one stands for all.
    const places = (types.get(node.output[0] ?? '')?.shape ?? [])
      .slice(node.opType === 'Conv' ? 2 : 1, node.opType === 'Conv' ? undefined : -1)
      .reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
    const whole = layerNs({ node, dims, axis, outputs: (dims[axis] ?? 1) * places }, false);
    const segments = cuts.map((cut) => cut.segments);
    return {
      macs: elementCount(dims) * places,
      cuts: segments,
      ns: (left) => segments.reduce((ns, one, i) => ns * ((left[i] ?? 0) / (numbers(one) || 1)), whole),
    };
  });
}
