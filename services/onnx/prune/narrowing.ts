// Ever narrower networks, block by block: first the block of channels that loses the least worth for the time it saves, across all groups
// together (NetAdapt, Yang et al., 2018, and HALP, Shen et al., 2021, choose by such a table). Pure; thinning stops where its share is
// reached. What a layer takes comes in, counted (layer-cost.ts) or measured (layer-table.ts).
import type { ChannelGroups, Segment } from './channel-groups.js';

export interface NarrowLayer {
  readonly macs: number;
  /** The axes of its weights that lose channels. */
  readonly cuts: readonly (readonly Segment[])[];
  /** Nanoseconds for one example on one thread, where so many numbers are left along each axis, in step with `cuts`. */
  readonly ns: (left: readonly number[]) => number;
}

/** Channels left by group. */
export type Widths = ReadonlyMap<number, number>;

export interface Narrowed {
  readonly widths: Widths;
  /** Multiplications that are left, of all. */
  readonly keptShare: number;
}

export interface NarrowingParts {
  readonly groups: ChannelGroups;
  /** Of each channel, by group; groups without are left alone. */
  readonly worth: ReadonlyMap<number, Float64Array>;
  readonly layers: readonly NarrowLayer[];
  /** Widths that a group may have, falling, all below its size. */
  readonly widthsOf: (group: number, size: number) => readonly number[];
}

/** Begins with the network as it is, ends where no group may get narrower. */
export function* narrowings({ groups, worth, layers, widthsOf }: NarrowingParts): Generator<Narrowed> {
  const widths = new Map([...worth].map(([group, { length }]) => [group, length]));
  const losses = new Map([...worth].map(([group, values]) => [group, lossByWidth(values)]));
  const allowed = new Map([...worth].map(([group, { length }]) => [group, widthsOf(group, length)]));
  const within = (group: number): NarrowLayer[] =>
    layers.filter(({ cuts }) => cuts.flat().some((one) => groups.rootOf(one.group) === group));
  const layersOf = new Map([...worth.keys()].map((group) => [group, within(group)]));
  const leftOf = (segments: readonly Segment[], changed?: number, width = 0): number =>
    segments.reduce((sum, { group, size, repeat }) => {
      const root = groups.rootOf(group);
      return sum + repeat * (root === changed ? width : (widths.get(root) ?? size));
    }, 0);
  const nsOf = (of: readonly NarrowLayer[], changed?: number, width?: number): number =>
    of.reduce((sum, { cuts, ns }) => sum + ns(cuts.map((one) => leftOf(one, changed, width))), 0);
  const macs = (): number =>
    layers.reduce(
      (sum, one) =>
        sum + one.cuts.reduce((left, cut) => left * (leftOf(cut) / (numbers(cut) || 1)), one.macs),
      0,
    );
  const whole = macs();
  for (;;) {
    yield { widths: new Map(widths), keptShare: macs() / whole };
    let next: { group: number; width: number; price: number } | undefined;
    for (const [group, now] of widths) {
      const own = layersOf.get(group) ?? [];
      const takes = nsOf(own);
      // Kernels compute whole blocks: one that saves nothing by itself may save much together with the next.
      for (const width of allowed.get(group) ?? []) {
        if (width >= now) continue;
        const lost = (losses.get(group)?.[width] ?? 0) - (losses.get(group)?.[now] ?? 0);
        const price = lost / Math.max(takes - nsOf(own, group, width), Number.MIN_VALUE);
        if (next === undefined || price < next.price) next = { group, width, price };
      }
    }
    if (next === undefined) return;
    widths.set(next.group, next.width);
  }
}

/** The channels worth most, in their order, by group. */
export function channelsKept(worth: NarrowingParts['worth'], widths: Widths): Map<number, number[]> {
  return new Map(
    [...worth].map(([group, values]) => [
      group,
      byWorth(values)
        .slice(0, widths.get(group))
        .map(({ channel }) => channel)
        .sort((a, b) => a - b),
    ]),
  );
}

/** What is lost where so many channels stay, at the place of that number. */
function lossByWidth(values: Float64Array): number[] {
  const lost = Array.from({ length: values.length + 1 }, () => 0);
  const order = byWorth(values);
  for (let width = values.length - 1; width >= 0; width--)
    lost[width] = (lost[width + 1] ?? 0) + (order[width]?.worth ?? 0);
  return lost;
}

const byWorth = (values: Float64Array): { channel: number; worth: number }[] =>
  Array.from(values, (worth, channel) => ({ channel, worth })).sort(
    (a, b) => b.worth - a.worth || a.channel - b.channel,
  );

/** Along an axis of which nothing has gone. */
export const numbers = (segments: readonly Segment[]): number =>
  segments.reduce((sum, { size, repeat }) => sum + size * repeat, 0);
