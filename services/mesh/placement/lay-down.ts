// The choices of all endpoints, laid down shard by shard. What is meant for a centre need not fit onto its shards: who finds no room takes
// something else, and says so.
import type { Choice } from './choice.js';
import { type Constructed, Construction } from './construction.js';
import type { Market } from './market.js';
import type { Setting } from './setting.js';
import { lies } from './staying.js';

export interface LaidDown extends Constructed {
  /** Endpoints whose choices found no room on the shards. */
  readonly failed: readonly number[];
  readonly construction: Construction;
  readonly tookMs: number;
}

// What found no room is placed first at the next try.
const ORDERS_MAX = 3;
/** Steps of a search for room, where there is time. */
const PATIENCE = 400;

/** The market's choices shard by shard; whoever finds no room takes what is cheapest of what fits. */
export function layDown(
  setting: Setting,
  {
    choices,
    chosen,
    priced,
    movableRate,
    scarce,
  }: Pick<Market, 'choices' | 'chosen' | 'priced' | 'movableRate' | 'scarce'>,
  care: 'once' | 'quickly' | 'thoroughly',
  isLate = (): boolean => false,
): LaidDown {
  const beganMs = performance.now();
  const size = (e: number): number => Math.max(0, ...(chosen[e]?.uses.map(({ bytes }) => bytes) ?? []));
  // Who stays where it lies first: then it finds its shards as they are. With one try the largest first, or some find no room.
  const stays = setting.endpoints.map((one, e) => Number(care !== 'once' && lies(one, chosen[e] as Choice)));
  let order = setting.endpoints
    .map(({ index }) => index)
    .sort((a, b) => (stays[b] as number) - (stays[a] as number) || size(b) - size(a));
  let best: LaidDown | undefined;
  const thorough = care === 'thoroughly';
  for (let attempt = 0; attempt < (care === 'once' ? 1 : ORDERS_MAX); attempt++) {
    const tight = scarce || attempt > 0;
    const patience = thorough ? PATIENCE : undefined;
    const construction = new Construction(setting, choices, movableRate, tight, patience);
    const failed = order.filter((e) => !construction.seat(e, [chosen[e] as Choice]));
    for (const e of failed) construction.seat(e, sortedBy(choices[e] ?? [], priced[e]));
    if (failed.length > 0 && care !== 'once')
      construction.improve(thorough ? order : failed, thorough ? 3 : 2);
    const found = { ...construction.result(), failed, construction, tookMs: performance.now() - beganMs };
    if (!best || found.objective < best.objective) best = found;
    if (failed.length === 0) return found;
    if (isLate()) break;
    order = [...failed, ...order.filter((e) => !failed.includes(e))];
  }
  return { ...(best as LaidDown), tookMs: performance.now() - beganMs };
}

function sortedBy(list: readonly Choice[], priced: Float64Array | undefined): Choice[] {
  const ranks = list.map((choice, k) => ({ choice, cost: priced?.[k] ?? choice.cost }));
  return ranks.sort((a, b) => a.cost - b.cost).map(({ choice }) => choice);
}
