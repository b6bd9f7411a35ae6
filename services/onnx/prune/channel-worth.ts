// What a channel is worth: the mean over the weights of all layers that make it, relative to the mean of its group (Molchanov et al., 2019,
// sum it over a filter; the division keeps groups of small gradients from vanishing whole). Thinning asks.
import type { Graph } from '../graph.js';
import { elementCount } from '../tensor.js';
import type { ChannelGroups } from './channel-groups.js';

/** Worth of each element of each weight, by the weight's name: see saliency.ts. */
export type Saliency = ReadonlyMap<string, ArrayLike<number>>;

/** By group, for those that may shrink. */
export function channelWorth(
  graph: Graph,
  groups: ChannelGroups,
  saliency: Saliency,
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
