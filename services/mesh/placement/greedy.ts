// The intelligent policy's answer at once: prices of what is scarce, the choices that are cheapest with those, balanced by sums and
// packed shard by shard. What the solver starts from, too.
import { Balance } from './balance.js';
import { type Choice, type ChoiceLimits, choicesOf, merged } from './choices.js';
import { Construction, type Constructed } from './construction.js';
import { MOVED_SHARE_MAX, placedRate } from './objective.js';
import { Offers } from './offers.js';
import { Prices } from './prices.js';
import { seededRandom } from '../random.js';
import type { Setting } from './setting.js';

export type GreedyResult = Constructed;

export interface Effort {
  /** Of the choices before prices are known, and of those that are added for them. */
  readonly first: ChoiceLimits;
  readonly priced: ChoiceLimits;
  readonly rounds: number;
  /** Of whoever is far from its best choice. */
  readonly passes: number;
  /** Of a search that starts where those end. */
  readonly steps: number;
}

export function effortFor({ endpoints }: Setting): Effort {
  const limits = (centres: number, beam: number, kept: number): Pick<Effort, 'first' | 'priced'> => ({
    first: { centres, beam, kept },
    priced: { centres, beam, kept },
  });
  if (endpoints.length <= 150) return { ...limits(8, 3, 10), rounds: 40, passes: 2, steps: 0 };
  if (endpoints.length <= 600) return { ...limits(7, 2, 8), rounds: 30, passes: 2, steps: 0 };
  return { ...limits(5, 2, 5), rounds: 12, passes: 0, steps: 0 };
}

/** For each endpoint the ways to place it, what scarcity costs, and a choice for each that fits by sums. */
export interface Market {
  readonly choices: readonly (readonly Choice[])[];
  readonly priced: readonly Float64Array[];
  readonly movableRate: number;
  readonly chosen: readonly Choice[];
  /** More was asked for than there is, at no prices. */
  readonly scarce: boolean;
}

export function marketOf(setting: Setting, { first, priced, rounds, passes, steps }: Effort): Market {
  const movableRate = MOVED_SHARE_MAX * setting.endpoints.reduce((sum, one) => sum + placedRate(one), 0);
  const prices = new Prices(setting, movableRate);
  let choices = setting.endpoints.map((endpoint) => choicesOf(endpoint, first));
  let offers = new Offers(setting, choices, movableRate);
  const guess = (): number => prices.bound * 1.2;
  const plenty = prices.learn(offers, rounds, guess);
  if (!plenty) {
    choices = setting.endpoints.map((one, e) => merged(choices[e] ?? [], choicesOf(one, priced, prices)));
    offers = new Offers(setting, choices, movableRate);
    const roughly = new Balance(offers, prices.priced(offers));
    roughly.relieve();
    const known = roughly.cost;
    prices.learn(offers, rounds, () => Math.min(known, prices.bound * 1.2));
  }
  const balance = new Balance(offers, prices.priced(offers));
  balance.relieve();
  balance.improve(passes);
  if (!plenty) balance.wander(steps, seededRandom(1));
  const all = prices.priced(offers);
  return {
    ...{ choices, movableRate, scarce: !plenty },
    priced: choices.map((_, e) => all.subarray(offers.first[e], offers.first[e + 1])),
    chosen: choices.map((list, e) => list[(balance.chosen[e] ?? 0) - (offers.first[e] ?? 0)] as Choice),
  };
}

export function placeGreedily(setting: Setting, effort = effortFor(setting)): GreedyResult {
  return packed(setting, marketOf(setting, effort), effort.passes > 0 ? 'quickly' : 'once');
}

// What found no room is placed first at the next try.
const ORDERS_MAX = 3;
/** Steps of a search for room, where there is time. */
const PATIENCE = 400;

/** The market's choices shard by shard; whoever finds no room takes what is cheapest of what fits. */
export function packed(
  setting: Setting,
  { choices, chosen, priced, movableRate, scarce }: Market,
  care: 'once' | 'quickly' | 'thoroughly',
): GreedyResult {
  const size = (e: number): number => Math.max(0, ...(chosen[e]?.uses.map(({ bytes }) => bytes) ?? []));
  let order = setting.endpoints.map(({ index }) => index).sort((a, b) => size(b) - size(a));
  let best: GreedyResult | undefined;
  const thorough = care === 'thoroughly';
  for (let attempt = 0; attempt < (care === 'once' ? 1 : ORDERS_MAX); attempt++) {
    const tight = scarce || attempt > 0;
    const patience = thorough ? PATIENCE : undefined;
    const construction = new Construction(setting, choices, movableRate, tight, patience);
    const failed = order.filter((e) => !construction.seat(e, [chosen[e] as Choice]));
    for (const e of failed) construction.seat(e, sortedBy(choices[e] ?? [], priced[e]));
    if (failed.length > 0 && care !== 'once')
      construction.improve(thorough ? order : failed, thorough ? 3 : 2);
    const found = construction.result();
    if (!best || found.objective < best.objective) best = found;
    if (failed.length === 0) return found;
    order = [...failed, ...order.filter((e) => !failed.includes(e))];
  }
  return best as GreedyResult;
}

function sortedBy(list: readonly Choice[], priced: Float64Array | undefined): Choice[] {
  const ranks = list.map((choice, k) => ({ choice, cost: priced?.[k] ?? choice.cost }));
  return ranks.sort((a, b) => a.cost - b.cost).map(({ choice }) => choice);
}
