// Chooses the channels that stay: those of least worth go, across all groups together, until the multiplications that are left
// fit the share. Worth is the mean over the layers that make a channel, relative to the mean of its group (Molchanov et al., 2019,
// sum it over a filter; the division keeps groups of small gradients from vanishing whole).
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { inferShapes } from '../shape.js';
import { elementCount } from '../tensor.js';
import type { ChannelGroups, Segment } from './channel-groups.js';

export interface Kept {
  /** By group: which channels, in their order. */
  readonly kept: ReadonlyMap<number, readonly number[]>;
  readonly keptShare: number;
}

const HALVINGS = 30;

export function keptChannels(
  graph: Graph,
  groups: ChannelGroups,
  saliency: ReadonlyMap<string, ArrayLike<number>>,
  keep: number,
  multipleOf: number,
): Kept {
  const worth = channelWorth(graph, groups, saliency);
  const layers = layerCosts(graph, groups);
  const whole = layers.reduce((sum, { macs }) => sum + macs, 0);
  const below = (threshold: number): Kept => {
    const kept = new Map(
      [...worth].map(([group, values]) => {
        // A head of 16 numbers is as good as two times eight channels.
        const least = Math.max(1, Math.ceil(multipleOf / (groups.units.get(group) ?? 1)));
        return [group, above(values, threshold, least)] as const;
      }),
    );
    const share = (segments: readonly Segment[]): number => {
      const [left, all] = segments.reduce(
        ([some, total], { group, size, repeat }) => [
          some + (kept.get(groups.rootOf(group))?.length ?? size) * repeat,
          total + size * repeat,
        ],
        [0, 0],
      );
      return all === 0 ? 1 : left / all;
    };
    const left = layers.reduce(
      (sum, { macs, cuts }) => sum + cuts.reduce((product, one) => product * share(one), macs),
      0,
    );
    return { kept, keptShare: left / whole };
  };
  let [low, high] = [0, Math.max(1, ...[...worth.values()].flatMap((values) => [...values]))];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (below(middle).keptShare > keep) low = middle;
    else high = middle;
  }
  return below(high);
}

/** Channels worth more than the threshold, and the next best until the width is a multiple. */
function above(values: Float64Array, threshold: number, multipleOf: number): number[] {
  const order = Array.from(values, (_, channel) => channel).sort(
    (a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b,
  );
  const wanted = order.filter((channel) => (values[channel] ?? 0) > threshold).length;
  const count = Math.max(multipleOf, Math.ceil(wanted / multipleOf) * multipleOf);
  return order.slice(0, count).sort((a, b) => a - b);
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
    return { macs: elementCount(dims) * places, cuts };
  });
}
