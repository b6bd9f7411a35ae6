// One attempt at a plan by sums. In several centres an endpoint's users can be divided as finely as one likes, which no list of choices
// holds: so the exchange does not keep to the time that devices have but pays its price, within a band, and the solver divides
// the users afterwards; then once more from there, colder and in a narrower band, with what it divided among the choices.
import { type Choice, costOfAll } from './choice.js';
import { dividing } from './divide.js';
import { type ExchangeLimits, exchanged } from './exchange.js';
import { choicesAt, indicesOf, type Market, marketWith } from './market.js';
import { BUSY_SHARE, type Setting } from './setting.js';
import type { SolverThread } from './solver.js';

interface Round {
  /** Of the attempt's time. */
  readonly part: number;
  readonly warmth: number;
  /** So much more time than devices have may be asked of them. */
  readonly band: number;
}

const ROUNDS: readonly Round[] = [
  { part: 0.6, warmth: 0.3, band: 0.02 },
  { part: 0.2, warmth: 0.05, band: 0.01 },
  { part: 0.2, warmth: 0.03, band: 0.005 },
];
/** What could not be divided was too cheap. */
const DEARER = 2.5;
/** Of a device's time that there is not, in times of what is dearest of what there is. */
const OVER = 4;

export interface Attempted {
  /** By the endpoint's index, always something that fits by sums. */
  readonly plan: readonly Choice[];
  /** In the end there was too much that no division makes good. */
  readonly isOver: boolean;
}

export interface AttemptTerms {
  /** Of the bands, how much. */
  readonly narrow: number;
  /** Of what the time of devices costs, how much: at another price an attempt ends elsewhere. */
  readonly dear: number;
}

export async function attempt(
  setting: Setting,
  market: Market,
  limitsFor: (part: number, warmth: number) => ExchangeLimits,
  { narrow, dear }: AttemptTerms,
  thread: SolverThread,
  signal?: AbortSignal,
): Promise<Attempted> {
  const { movableRate, prices } = market;
  const devices = setting.centres.length;
  const isTime = (r: number): boolean => r >= devices && r < 2 * devices;
  const paid = prices.map((price, r) => (isTime(r) ? dear * price : 0));
  const kept = prices.map((price, r) => (isTime(r) ? 0 : price));
  const overPrice =
    OVER *
    Math.max(
      0.1,
      ...setting.centres.map(
        ({ index, shards }) => (paid[devices + index] as number) / (shards.length * BUSY_SHARE),
      ),
    );
  let best = market.chosen;
  let now = best;
  let known = market;
  let widest = 0;
  for (const { part, warmth, band } of ROUNDS) {
    const width = Math.max(band * narrow, widest);
    const room = paid.map((price) => (price > 0 ? 1 + width : 1));
    const found = exchanged(
      known.offers,
      { prices: kept, room, paid },
      indicesOf(known, now),
      limitsFor(part, warmth),
    );
    const got = choicesAt(known, found);
    const divided = await dividing(setting, got, { movableRate, overPrice }, thread, signal);
    if (!divided) {
      now = best;
      continue;
    }
    if (divided.overfull.length > 0) {
      for (const centre of divided.overfull)
        paid[devices + centre] = Math.max(0.1, paid[devices + centre] as number) * DEARER;
      widest = width;
      now = got;
      continue;
    }
    widest = 0;
    if (costOfAll(divided.chosen) < costOfAll(best)) best = divided.chosen;
    now = best;
    known = marketWith(setting, market, best);
  }
  return { plan: best, isOver: widest > 0 };
}
