// What there is to choose from: for each endpoint the ways to place it, prices of what is scarce, and a choice for each that fits by sums.
// The greedy answer and the intelligent policy both begin here, with more or less effort.
import { Balance } from './balance.js';
import type { Choice } from './choice.js';
import { type ChoiceLimits, choicesOf, firstKnown, type Known, learnChoices, stayingIn } from './choices.js';
import { MOVED_SHARE_MAX, placedRate } from './objective.js';
import { Offers } from './offers.js';
import { Prices } from './prices.js';
import { seededRandom } from '../random.js';
import type { Setting } from './setting.js';
import type { TimeShare } from './time-share.js';

export interface Effort {
  /** Of the choices before prices are known, and of those that are added for them. */
  readonly first: ChoiceLimits;
  readonly priced: ChoiceLimits;
  readonly pricings: number;
  readonly rounds: number;
  /** So many times whoever is in the way makes room, each time at slightly other prices. */
  readonly starts: number;
  /** Of whoever is far from its best choice. */
  readonly passes: number;
  /** At choices, by those who exchange theirs: by sums, and on the shards where not all found room. */
  readonly looks: readonly [bySums: number, onShards: number] | readonly [];
}

/** Of an answer at once. */
export interface GreedyEffort extends Effort {
  /** Somebody waits for it: on a slow or busy machine the search is shorter, not later. Many endpoints take what they take. */
  readonly withinMs: number;
}

export function effortFor({ endpoints }: Setting): GreedyEffort {
  const limits = (centres: number, beam: number, kept: number): ChoiceLimits => ({ centres, beam, kept });
  if (endpoints.length <= 150) {
    const often = { pricings: 2, rounds: 150, starts: 8, passes: 0, looks: [200_000, 50_000] as const };
    return { first: limits(8, 2, 4), priced: limits(10, 8, 12), ...often, withinMs: 36 };
  }
  const some = endpoints.length <= 600 ? limits(7, 2, 8) : limits(5, 2, 5);
  const often =
    endpoints.length <= 600
      ? { rounds: 30, starts: 8, passes: 2, looks: [150_000, 50_000] as const }
      : { rounds: 12, starts: 1, passes: 0, looks: [] as const };
  return { first: some, priced: some, pricings: 1, ...often, withinMs: Number.POSITIVE_INFINITY };
}

/** For each endpoint the ways to place it, what scarcity costs, and a choice for each that fits by sums. */
export interface Market {
  readonly choices: readonly (readonly Choice[])[];
  readonly priced: readonly Float64Array[];
  readonly movableRate: number;
  readonly chosen: readonly Choice[];
  readonly offers: Offers;
  /** Of all there is of a resource, as in Offers. */
  readonly prices: Float64Array;
  /** No plan of these choices costs less. */
  readonly bound: number;
  /** What a choice costs, with what it takes of what is scarce. */
  price(choice: Choice): number;
  /** More was asked for than there is, at no prices. */
  readonly scarce: boolean;
}

/** Of the time, where it is short: after so much of it no further pricing begins, and then no further start. */
const PRICED = 0.45;
const STARTED = 0.65;

export function marketOf(
  setting: Setting,
  { first, priced, pricings, rounds, starts, passes, looks }: Effort,
  passed: TimeShare = () => 0,
): Market {
  const movableRate = MOVED_SHARE_MAX * setting.endpoints.reduce((sum, one) => sum + placedRate(one), 0);
  const prices = new Prices(setting, movableRate);
  // Without an exchange afterwards, who stays is in the way: 150 of 5,000 endpoints were left out in the place of 137.
  const mayStay = looks.length > 0 && setting.endpoints.some(({ held }) => held.size > 0);
  const known = setting.endpoints.map((one) => firstKnown(one, mayStay));
  const learn = (limits: ChoiceLimits, scarcity?: Prices): Choice[][] =>
    setting.endpoints.map((endpoint, e) => {
      const its = known[e] as Known;
      learnChoices(its, endpoint, limits, scarcity);
      return choicesOf(its);
    });
  let choices = learn(first);
  let offers = new Offers(setting, choices, movableRate);
  let plenty = prices.learn(offers, rounds, 1.2);
  for (let pricing = 0; pricing < pricings && !plenty; pricing++) {
    if (pricing > 0 && passed() > PRICED) break;
    choices = learn(priced, prices);
    offers = new Offers(setting, choices, movableRate);
    plenty = prices.learn(offers, rounds, 1.1);
  }
  const isLate = (): boolean => passed() > STARTED;
  const began = mayStay ? indicesOf({ choices, offers }, known.map(stayingIn)) : undefined;
  const { chosen } = balanced(offers, prices, { starts, isLate, began }, passes, looks.length > 0);
  return {
    choices,
    movableRate,
    scarce: !plenty,
    offers,
    prices: prices.ofAll,
    bound: prices.bound,
    price: (choice) => prices.priceOf(choice),
    priced: pricedBy(offers, prices.ofAll),
    chosen: choicesAt({ choices, offers }, chosen),
  };
}

function pricedBy(offers: Offers, prices: Float64Array): Float64Array[] {
  const all = offers.priced(prices);
  return Array.from({ length: offers.endpoints }, (_, e) =>
    all.subarray(offers.first[e], offers.first[e + 1]),
  );
}

/** The same market, where these can be chosen as well. */
export function marketWith(setting: Setting, market: Market, chosen: readonly Choice[]): Market {
  const choices = market.choices.map((list, e) => {
    const one = chosen[e] as Choice;
    return list.includes(one) ? list : [...list, one].sort((a, b) => a.cost - b.cost);
  });
  const offers = new Offers(setting, choices, market.movableRate);
  return { ...market, choices, offers, priced: pricedBy(offers, market.prices), chosen };
}

type Counted = Pick<Market, 'choices' | 'offers'>;

/** Choices as they are counted in Offers; -1 where there is none. */
export const indicesOf = (
  { choices, offers }: Counted,
  chosen: readonly (Choice | undefined)[],
): Int32Array =>
  Int32Array.from(chosen, (choice, e) =>
    choice ? (offers.first[e] as number) + (choices[e] ?? []).indexOf(choice) : -1,
  );

export const choiceAt = ({ choices, offers }: Counted, index: number, e: number): Choice =>
  choices[e]?.[index - (offers.first[e] as number)] as Choice;

export const choicesAt = (market: Counted, indices: Int32Array): Choice[] =>
  Array.from(indices, (index, e) => choiceAt(market, index, e));

// Prices are exact for fractions of endpoints; whole ones want them a little higher.
const DEARER_MAX = 0.25;
const NOISE = 0.2;
/** Of all starts, the best. */
const IMPROVED = 2;

/** The best of several: who makes room first decides much, and trying again is cheap. */
function balanced(
  offers: Offers,
  prices: Prices,
  {
    starts,
    isLate,
    began,
  }: {
    readonly starts: number;
    readonly isLate: () => boolean;
    /** One more of them begins here. */
    readonly began: Int32Array | undefined;
  },
  passes: number,
  admitting: boolean,
): Balance {
  const random = seededRandom(1);
  const found: Balance[] = [];
  const begin = (at: Float64Array, from?: Int32Array): void => {
    const balance = new Balance(offers, at, from);
    balance.relieve();
    found.push(balance);
  };
  if (began) begin(prices.ofAll, began);
  // Time cuts short what would only be cheaper, not what may seat somebody.
  const isEnough = (): boolean => found.some((one) => !one.leavesOut) && isLate();
  for (let start = 0; start < starts && !isEnough(); start++) {
    const dearer = 1 + DEARER_MAX * random();
    const factor = (): number => (start === 0 ? 1 : dearer * Math.exp(NOISE * (random() - random())));
    begin(prices.ofAll.map((price) => price * factor()));
  }
  const best = found.sort((a, b) => a.cost - b.cost).slice(0, IMPROVED);
  for (const balance of best) {
    if (admitting) balance.admit();
    balance.improve(passes);
  }
  return best.reduce((least, balance) => (balance.cost < least.cost ? balance : least));
}
