// Thinning to a share of the parent's latency on this machine: a table of what each layer takes at each width says which block goes next, and
// of the ever narrower networks the first that is fast enough, itself timed against its parent, is the answer. The widths that it found say
// the same elsewhere: `thinToWidths` needs no clock.
import { failure } from '../../../contracts/errors.js';
import { timed } from '../recipe/timed.js';
import { refusal } from '../refusal.js';
import type { Tensors } from '../session.js';
import type { ChannelGroups } from './channel-groups.js';
import { channelWorth, type Saliency } from './channel-worth.js';
import { blocksBelow, leastOf } from './kept-channels.js';
import { measuredLayers } from './layer-table.js';
import { channelsKept, narrowings } from './narrowing.js';
import { thinLayers } from './thin-layers.js';
import { thinnable, thinned, type Thinned } from './thin.js';

export interface ThinToLatencyOptions {
  readonly saliency: Saliency;
  /** Of the parent's median, above 0 and below 1. */
  readonly latency: number;
  /** At most this share of the multiplications is left; as many as the latency allows where absent. */
  readonly keep?: number;
  /** What it is timed with, on one thread. */
  readonly example: Tensors;
}

/** Registers of kernels hold 8 or 16 channels; of wide layers an eighth goes at once, so that tables stay small. */
const [BLOCK, WIDTHS] = [8, 8];
/** Looking for it, and making sure of it. */
const [LOOK_MS, SURE_MS] = [200, 1_000];

/** Throws MODEL_REFUSED where no channel may go, BUDGET_MISSED where the narrowest network is not fast enough. */
export async function thinToLatency(
  model: Uint8Array,
  { saliency, latency, keep = 1, example }: ThinToLatencyOptions,
): Promise<Thinned> {
  if (!(latency > 0 && latency < 1))
    throw refusal(`${latency} of the latency cannot be reached: say a share between 0 and 1.`);
  const { graph, groups } = thinnable(model);
  const worth = channelWorth(graph, groups, saliency);
  const widthsOf = (group: number, size: number): number[] => blocksBelow(size, blockOf(groups, group, size));
  const layers = await measuredLayers(graph, groups, thinLayers(graph, groups), example, widthsOf);
  const steps = [...narrowings({ groups, worth, layers, widthsOf })].filter(
    ({ keptShare }) => keptShare <= keep,
  );
  const made = (i: number): Thinned => {
    const { widths = new Map<number, number>(), keptShare = 1 } = steps[i] ?? {};
    const fresh = thinnable(model);
    return thinned(fresh.graph, fresh.groups, { kept: channelsKept(worth, widths), keptShare });
  };
  const shareAt = async (i: number, forMs = LOOK_MS): Promise<number> => {
    const [before, after] = await timed([model, made(i).model], example, forMs);
    return (after?.p50Ms ?? 1) / (before?.p50Ms ?? 1);
  };
  const [last] = steps.slice(-1);
  if (last === undefined)
    throw failure('BUDGET_MISSED', `The least widths leave more than ${keep} of the multiplications.`);
  let found = await firstWithin(steps.length, shareAt, latency);
  // A short look may have met the parent at a bad moment.
  while (found !== undefined && (await shareAt(found, SURE_MS)) > latency)
    found = found + 1 < steps.length ? found + 1 : undefined;
  if (found === undefined)
    throw failure(
      'BUDGET_MISSED',
      `At the least widths, with ${last.keptShare.toFixed(3)} of the multiplications, it takes ${(await shareAt(steps.length - 1)).toFixed(3)} of its latency; ${latency} were asked for.`,
    );
  return made(found);
}

/** The first of so many whose share is no more than allowed, where shares fall; undefined where the last one's is more. */
export async function firstWithin(
  count: number,
  shareAt: (i: number) => Promise<number>,
  allowed: number,
): Promise<number | undefined> {
  if (count === 0 || (await shareAt(count - 1)) > allowed) return undefined;
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await shareAt(middle)) <= allowed) high = middle;
    else low = middle + 1;
  }
  return high;
}

const blockOf = (groups: ChannelGroups, group: number, size: number): number => {
  const channels = size * (groups.units.get(group) ?? 1);
  return leastOf(groups, group, BLOCK * Math.ceil(channels / (BLOCK * WIDTHS)));
};
