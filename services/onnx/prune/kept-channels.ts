// Chooses the channels that stay. They go in blocks as wide as the registers of onnxruntime's kernels, first the block that loses the least worth
// for the time it saves, across all groups together, until the multiplications that are left fit the share. Worth is the
// mean over the layers that make a channel, relative to the mean of its group (Molchanov et al., 2019, sum it over a filter; the
// division keeps groups of small gradients from vanishing whole).
import { intOf } from '../attributes.js';
import type { Graph } from '../graph.js';
import { layerNs } from '../layer-cost.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { inferShapes } from '../shape.js';
import { elementCount } from '../tensor.js';
import type { ChannelGroups, Segment } from './channel-groups.js';

export interface Kept {
  /** By group: which channels, in their order. */
  readonly kept: ReadonlyMap<number, readonly number[]>;
  readonly keptShare: number;
}

/**
 * Convolutions compute 16 channels at a time (AVX-512; 8 with AVX2): of 16 channels 8 take as long. Where a share cannot be
 * reached with widths of 16, multiples of 8 have to do.
 */
const BLOCKS = [16, 8] as const;

/** `multipleOf`: widths that are left are multiples of this; as the kernels like where absent. */
export function keptChannels(
  graph: Graph,
  groups: ChannelGroups,
  saliency: ReadonlyMap<string, ArrayLike<number>>,
  keep: number,
  multipleOf: number | undefined,
): Kept {
  const worth = channelWorth(graph, groups, saliency);
  const layers = layerCosts(graph, groups);
  const blocks = multipleOf === undefined ? BLOCKS : [multipleOf];
  let found: Kept = { kept: new Map(), keptShare: 1 };
  for (const block of blocks) {
    found = keptInBlocks(groups, worth, layers, keep, block);
    if (found.keptShare <= keep) break;
  }
  return found;
}

function keptInBlocks(
  groups: ChannelGroups,
  worth: ReadonlyMap<number, Float64Array>,
  layers: readonly LayerCost[],
  keep: number,
  block: number,
): Kept {
  // A head of 16 numbers is as good as two times eight channels.
  const leastOf = (group: number): number => Math.max(1, Math.ceil(block / (groups.units.get(group) ?? 1)));
  const order = new Map([...worth].map(([group, values]) => [group, byWorth(values)]));
  const widths = new Map([...worth].map(([group, values]) => [group, values.length]));
  const cost = (of: 'macs' | 'ns', changed?: number, width = 0): number => {
    const widthOf = (group: number, size: number): number =>
      group === changed ? width : (widths.get(group) ?? size);
    return layers.reduce(
      (sum, layer) =>
        sum + layer.cuts.reduce((product, one) => product * shareOf(groups, one, widthOf), layer[of]),
      0,
    );
  };
  const whole = cost('macs');
  while (cost('macs') > keep * whole) {
    const now = cost('ns');
    let next: { group: number; width: number; price: number } | undefined;
    for (const [group, width] of widths) {
      const least = leastOf(group);
      const less = Math.ceil(width / least - 1) * least;
      if (less < least) continue;
      const lost = (order.get(group) ?? []).slice(less, width).reduce((sum, one) => sum + one.worth, 0);
      const price = lost / Math.max(now - cost('ns', group, less), Number.MIN_VALUE);
      if (next === undefined || price < next.price) next = { group, width: less, price };
    }
    if (next === undefined) break;
    widths.set(next.group, next.width);
  }
  const kept = new Map(
    [...order].map(([group, channels]) => [
      group,
      channels
        .slice(0, widths.get(group))
        .map(({ channel }) => channel)
        .sort((a, b) => a - b),
    ]),
  );
  return { kept, keptShare: cost('macs') / whole };
}

const byWorth = (values: Float64Array): { channel: number; worth: number }[] =>
  Array.from(values, (worth, channel) => ({ channel, worth })).sort(
    (a, b) => b.worth - a.worth || a.channel - b.channel,
  );

/** Of the numbers along an axis, those that are left. */
function shareOf(
  groups: ChannelGroups,
  segments: readonly Segment[],
  widthOf: (group: number, size: number) => number,
): number {
  let [left, all] = [0, 0];
  for (const { group, size, repeat } of segments) {
    left += widthOf(groups.rootOf(group), size) * repeat;
    all += size * repeat;
  }
  return all === 0 ? 1 : left / all;
}

function channelWorth(
  graph: Graph,
  groups: ChannelGroups,
  saliency: ReadonlyMap<string, ArrayLike<number>>,
): Map<number, Float64Array> {
  const worth = new Map<number, Float64Array>();
  for (const { constant, axis, segments, role } of groups.cuts) {
    const values = saliency.get(constant);
    const group = groups.rootOf(segments[0]?.group ?? 0);
    const size = groups.free.get(group);
    if (role !== 'maker' || values === undefined || size === undefined) continue;
    const dims = graph.initializer(constant)?.dims.map(Number) ?? [];
    const inner = elementCount(dims.slice(axis + 1)) * (segments[0]?.repeat ?? 1);
    const sums = worth.get(group) ?? new Float64Array(size);
    for (let i = 0; i < values.length; i++) {
      const channel = Math.floor(i / inner) % size;
      sums[channel] = (sums[channel] ?? 0) + (values[i] ?? 0);
    }
    worth.set(group, sums);
  }
  for (const [group, sums] of worth) {
    const mean = sums.reduce((a, b) => a + b, 0) / sums.length;
    worth.set(
      group,
      sums.map((value) => (mean > 0 ? value / mean : 1)),
    );
  }
  return worth;
}

interface LayerCost {
  readonly macs: number;
  /** Of one example on one thread. */
  readonly ns: number;
  readonly cuts: readonly (readonly Segment[])[];
}

function layerCosts(graph: Graph, groups: ChannelGroups): LayerCost[] {
  const types = inferShapes(graph);
  const byNode = new Map<NodeProto, (readonly Segment[])[]>();
  for (const { node, role, segments } of groups.cuts)
    if (role !== 'follower') byNode.set(node, [...(byNode.get(node) ?? []), segments]);
  for (const { node, segments } of groups.depthwise) byNode.set(node, [segments]);
  return [...byNode].map(([node, cuts]) => {
    const dims = graph.initializer(node.input[1] ?? '')?.dims.map(Number) ?? [];
    // Sizes that vary are the same for all layers before pools, so that one stands for all.
    const places = (types.get(node.output[0] ?? '')?.shape ?? [])
      .slice(node.opType === 'Conv' ? 2 : 1, node.opType === 'Conv' ? undefined : -1)
      .reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
    const macs = elementCount(dims) * places;
    const axis = node.opType === 'Conv' || intOf(node, 'transB', 0) === 1 ? 0 : dims.length - 1;
    const outputs = (dims[axis] ?? 1) * places;
    return { macs, ns: layerNs({ node, dims, axis, outputs }, false), cuts };
  });
}
