// Thinning (structured pruning): whole channels go, with everything in the network that belongs to them, so that what is left is
// a smaller ordinary network. The answers are those of the full network with the removed channels set to 0.
import { setAttribute } from '../attributes.js';
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { elementCount, int64, numberValues, type Tensor } from '../tensor.js';
import { constantsToInitialisers } from '../training/modes.js';
import { channelGroups, type ChannelGroups, type Segment } from './channel-groups.js';
import type { Saliency } from './channel-worth.js';
import { channelsOfWidths, type Kept, keptChannels } from './kept-channels.js';

export interface ThinOptions {
  readonly saliency: Saliency;
  /** Share of multiplications to keep, above 0 and below 1. */
  readonly keep: number;
  /** Widths that are left are multiples of this, and at least this; 16 where absent, or 8 where the share asks for it. */
  readonly multipleOf?: number;
}

export interface ThinReport {
  /** Multiplications that are left, estimated from the widths. */
  readonly keptShare: number;
  readonly groups: readonly {
    readonly weights: readonly string[];
    readonly before: number;
    readonly after: number;
  }[];
}

export interface Thinned {
  readonly model: Uint8Array;
  /** The full network with the removed channels set to 0, which answers the same. */
  readonly masked: Uint8Array;
  readonly report: ThinReport;
}

/** Throws MODEL_REFUSED for a share outside (0, 1), and where no channel may go. */
export function thin(model: Uint8Array, { saliency, keep, multipleOf }: ThinOptions): Thinned {
  if (!(keep > 0 && keep < 1))
    throw refusal(`${keep} of the multiplications cannot be kept: say a share between 0 and 1.`);
  const { graph, groups } = thinnable(model);
  return thinned(graph, groups, keptChannels(graph, groups, saliency, keep, multipleOf));
}

/**
 * `widths`: channels that stay, by the name of a weight that makes them, as a report says them; the other groups stay whole. Throws
 * MODEL_REFUSED where no channel may go, and for a name or a number that is none.
 */
export function thinToWidths(
  model: Uint8Array,
  saliency: Saliency,
  widths: Readonly<Record<string, number>>,
): Thinned {
  const { graph, groups } = thinnable(model);
  return thinned(graph, groups, channelsOfWidths(graph, groups, saliency, widths));
}

/** What a report found, as `thinToWidths` takes it. */
export const widthsOf = ({ groups }: ThinReport): Record<string, number> =>
  Object.fromEntries(
    groups.flatMap(({ weights: [weight], before, after }) =>
      weight === undefined || after === before ? [] : [[weight, after] as const],
    ),
  );

/** Throws MODEL_REFUSED where no channel may go. */
export function thinnable(model: Uint8Array): { graph: Graph; groups: ChannelGroups } {
  const graph = Graph.read(model);
  constantsToInitialisers(graph);
  const groups = channelGroups(graph);
  if (groups.free.size === 0)
    throw refusal(
      'No channel of this network may go: each is an output, or tied to an operator that thinning does not know.',
    );
  return { graph, groups };
}

export function thinned(graph: Graph, groups: ChannelGroups, { kept, keptShare }: Kept): Thinned {
  const masked = copyModel(graph);
  for (const { constant, axis, segments, role } of groups.cuts)
    if (role === 'reader')
      replace(masked, constant, (tensor) => zeroed(tensor, axis, keptIndices(groups, kept, segments)));
  shrink(graph, groups, kept);
  return {
    model: graph.write(),
    masked: masked.write(),
    report: { keptShare, groups: reportOf(groups, kept) },
  };
}

function shrink(graph: Graph, groups: ChannelGroups, kept: ReadonlyMap<number, readonly number[]>): void {
  const done = new Set<string>();
  for (const { constant, axis, segments } of groups.cuts) {
    const key = `${constant} ${axis}`;
    if (done.has(key)) continue;
    done.add(key);
    replace(graph, constant, (tensor) => taken(tensor, axis, keptIndices(groups, kept, segments)));
  }
  for (const { node, segments } of groups.depthwise) {
    const count = keptIndices(groups, kept, segments).length;
    graph.edit(node, () => setAttribute(node, 'group', count));
  }
  for (const { node, axis, segments } of groups.reshapes) {
    const shape = numberValues(graph.constant(node.input[1] ?? '') ?? int64([0], []));
    if (shape[axis] === -1) continue;
    const sizes = shape.with(axis, keptIndices(groups, kept, segments).length);
    const name = graph.setConstant(graph.fresh('shape'), int64([sizes.length], sizes));
    graph.edit(node, () => (node.input = node.input.with(1, name)));
  }
  graph.proto.valueInfo = []; // declared sizes in between are those of before
}

function replace(graph: Graph, name: string, change: (tensor: Tensor) => Tensor): void {
  const tensor = graph.constant(name);
  if (tensor !== undefined) graph.setConstant(name, change(tensor));
}

/** Positions along the axis that stay. */
function keptIndices(
  groups: ChannelGroups,
  kept: ReadonlyMap<number, readonly number[]>,
  segments: readonly Segment[],
): number[] {
  const indices: number[] = [];
  let from = 0;
  for (const { group, size, repeat } of segments) {
    const own = kept.get(groups.rootOf(group)) ?? Array.from({ length: size }, (_, i) => i);
    for (const channel of own) for (let i = 0; i < repeat; i++) indices.push(from + channel * repeat + i);
    from += size * repeat;
  }
  return indices;
}

function taken(tensor: Tensor, axis: number, indices: readonly number[]): Tensor {
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const outer = elementCount(tensor.dims.slice(0, axis));
  const length = tensor.dims[axis] ?? 1;
  const from = tensor.data as Float32Array;
  const data = new Float32Array(outer * indices.length * inner);
  for (let o = 0; o < outer; o++)
    indices.forEach((index, to) => {
      const start = (o * length + index) * inner;
      data.set(from.subarray(start, start + inner), (o * indices.length + to) * inner);
    });
  return { dataType: tensor.dataType, dims: tensor.dims.with(axis, indices.length), data };
}

function zeroed(tensor: Tensor, axis: number, indices: readonly number[]): Tensor {
  const stay = new Set(indices);
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const length = tensor.dims[axis] ?? 1;
  const data = (tensor.data as Float32Array).map((value, i) =>
    stay.has(Math.floor(i / inner) % length) ? value : 0,
  );
  return { ...tensor, data };
}

function reportOf(groups: ChannelGroups, kept: ReadonlyMap<number, readonly number[]>): ThinReport['groups'] {
  return [...groups.free].map(([group, before]) => ({
    weights: groups.cuts
      .filter(
        ({ role, segments }) =>
          role === 'maker' && segments.some((one) => groups.rootOf(one.group) === group),
      )
      .map(({ constant }) => constant),
    before,
    after: kept.get(group)?.length ?? before,
  }));
}
