// Chooses the channels that stay where a share of the multiplications is to be left, or widths are given. They go in blocks as wide as the
// registers of onnxruntime's kernels, in the order of narrowing.ts. Thinning asks.
import type { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import type { ChannelGroups } from './channel-groups.js';
import { channelWorth, type Saliency } from './channel-worth.js';
import { channelsKept, type Narrowed, narrowings } from './narrowing.js';
import { countedLayers, thinLayers } from './thin-layers.js';

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
  saliency: Saliency,
  keep: number,
  multipleOf: number | undefined,
): Kept {
  const worth = channelWorth(graph, groups, saliency);
  const layers = countedLayers(graph, thinLayers(graph, groups));
  let found: Narrowed = { widths: new Map(), keptShare: 1 };
  for (const block of multipleOf === undefined ? BLOCKS : [multipleOf]) {
    const widthsOf = (group: number, size: number): number[] =>
      blocksBelow(size, leastOf(groups, group, block));
    for (found of narrowings({ groups, worth, layers, widthsOf })) if (found.keptShare <= keep) break;
    if (found.keptShare <= keep) break;
  }
  return { kept: channelsKept(worth, found.widths), keptShare: found.keptShare };
}

/** The channels of most worth, as many as `widths` says by the name of a weight that makes them. Throws MODEL_REFUSED for a name or a number that is none. */
export function channelsOfWidths(
  graph: Graph,
  groups: ChannelGroups,
  saliency: Saliency,
  widths: Readonly<Record<string, number>>,
): Kept {
  const worth = channelWorth(graph, groups, saliency);
  const wanted = new Map([...worth].map(([group, { length }]) => [group, length]));
  for (const [weight, width] of Object.entries(widths)) {
    const cut = groups.cuts.find(({ constant, role }) => constant === weight && role === 'maker');
    const group = groups.rootOf(cut?.segments[0]?.group ?? -1);
    const size = worth.get(group)?.length;
    if (size === undefined)
      throw refusal(`No channels that may go are made by "${weight}".`, { tensor: weight });
    if (width > size)
      throw refusal(`"${weight}" makes ${size} channels: ${width} cannot be left.`, { tensor: weight });
    wanted.set(group, width);
  }
  const layers = countedLayers(graph, thinLayers(graph, groups));
  const widthsOf = (group: number, size: number): number[] => [wanted.get(group) ?? size];
  const last = [...narrowings({ groups, worth, layers, widthsOf })].at(-1);
  return { kept: channelsKept(worth, wanted), keptShare: last?.keptShare ?? 1 };
}

/** A head of 16 numbers is as good as two times eight channels. */
export const leastOf = ({ units }: ChannelGroups, group: number, block: number): number =>
  Math.max(1, Math.ceil(block / (units.get(group) ?? 1)));

/** Multiples of `step` below a size, falling. */
export const blocksBelow = (size: number, step: number): number[] =>
  Array.from({ length: Math.ceil(size / step) - 1 }, (_, i) => (Math.ceil(size / step) - 1 - i) * step);
