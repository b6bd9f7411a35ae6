// A plan by sums that the shards can take: exchanges, then packing; a centre whose shards cannot take all that was meant for them is asked
// for a little less, and all begins again. The greedy answer does little of it, the intelligent policy most of its time.
import type { Choice } from './choices.js';
import { type ExchangeLimits, exchanged } from './exchange.js';
import { type LaidDown, layDown } from './lay-down.js';
import type { Market } from './market.js';
import type { Setting } from './setting.js';

export interface Settling {
  readonly care: 'quickly' | 'thoroughly';
  /** Of what several shards have together, the part that is left to what does not fit. */
  readonly spare: number;
  /** What may be spent on the search of a round; nothing where no round is to begin any more. */
  readonly limits: (round: number) => ExchangeLimits | undefined;
  /** Packing is not tried again. */
  readonly isLate?: () => boolean;
}

// Of the room that packing did not find.
const LESS = 0.01;

export function settle(
  setting: Setting,
  market: Market,
  { care, spare, limits, isLate }: Settling,
): LaidDown {
  // Everybody has the cheapest.
  if (!market.scarce) return layDown(setting, market, care, isLate);
  const { offers, prices, choices } = market;
  const { centres } = setting;
  const room = new Float64Array(offers.resources).fill(1);
  for (const { index, shards } of centres) if (shards.length > 1) room[index] = 1 - spare;
  const indexOf = (choice: Choice, e: number): number =>
    (offers.first[e] as number) + (choices[e] as readonly Choice[]).indexOf(choice);
  let began: Int32Array = Int32Array.from(market.chosen, indexOf);
  let best: LaidDown | undefined;
  for (let round = 0; ; round++) {
    const its = limits(round);
    if (!its && best) return best;
    const found = its ? exchanged(offers, prices, began, its, room) : began;
    const chosen = Array.from(
      found,
      (choice, e) => choices[e]?.[choice - (offers.first[e] as number)] as Choice,
    );
    const lying = layDown(setting, { ...market, chosen }, care, isLate);
    if (!best || lying.objective < best.objective) best = lying;
    if (lying.failed.length === 0) return best;
    began = Int32Array.from(lying.chosen, indexOf);
    const wanted = offers.used(found);
    const lies = offers.used(began);
    for (const e of lying.failed)
      for (const { centre } of chosen[e]?.uses ?? []) {
        const less = Math.min(room[centre] as number, wanted[centre] as number) * (1 - LESS);
        room[centre] = Math.max(less, lies[centre] as number);
      }
  }
}
