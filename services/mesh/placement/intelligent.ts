// The better answer of the intelligent policy: attempts at a plan by sums, packed shard by shard and exchanged there, what that leaves
// rearranged by the solver, which also knows what no choice says, until the time is up.
import { seededRandom } from '../random.js';
import { Attempts } from './attempts.js';
import type { Plan } from './cross.js';
import type { PlacedAll } from './by-rule.js';
import type { ExchangeLimits } from './exchange.js';
import { placeGreedily } from './greedy.js';
import { borrowSolver, giveBack } from './idle-solvers.js';
import { type LaidDown, layDown } from './lay-down.js';
import { type Effort, effortFor, type Market, marketOf, marketWith } from './market.js';
import { ALL_MAX, provable, rearrange } from './rearrange.js';
import type { Setting } from './setting.js';
import { exchangedOnShards, settle, type Settling } from './settle.js';
import type { SolverLimits, SolverThread } from './solver.js';
import { timeShareUntil } from './time-share.js';

export interface Improved extends PlacedAll {
  readonly quality: 'greedy' | 'feasible' | 'optimal';
}

const USUAL_LIMITS: SolverLimits = { seconds: 2.75, gap: 0.002 };

// Of the time: exchanging finds more than the solver does, unless the solver can prove that there is no more to find.
const EXCHANGING = 0.75;
const EXCHANGING_PROVABLE = 0.05;

/** So much of it before anything lies on the shards, and the rest there where not all found room. */
const FIRST = 0.5;
/** Kept for packing what the solver finds, at most. */
const PACKING_MS_MAX = 300;
/** The same where most of it is attempts. */
const FIRST_SUMS = 0.6;
const SETTLED = 0.95;
const WARMTH = 0.4;
const WARMTH_AGAIN = 0.2;

function within(spanMs: number): Settling {
  const beganMs = performance.now();
  const endsMs = beganMs + spanMs;
  const until = (ends: number, warmth: number): ExchangeLimits => ({
    looks: Number.POSITIVE_INFINITY,
    warmth,
    passed: timeShareUntil(ends),
  });
  return {
    care: 'thoroughly',
    spare: 0,
    bySums: () => until(beganMs + spanMs * FIRST, WARMTH),
    onShards: () => until(endsMs, WARMTH_AGAIN),
    isLate: () => performance.now() > endsMs,
  };
}

/** More choices than the greedy answer has time for. */
function widely(setting: Setting): Effort {
  const effort = effortFor(setting);
  if (setting.endpoints.length > 150) return { ...effort, looks: [] };
  const limits = { centres: 12, beam: 14, kept: 60 };
  return {
    first: { ...limits, kept: 20 },
    priced: limits,
    pricings: 2,
    rounds: 150,
    starts: 40,
    passes: 1,
    looks: effort.looks,
  };
}

/** Attempts by sums until something lies on the shards, and more of them where all found room there; otherwise an exchange on the shards. */
async function settleBest(
  setting: Setting,
  market: Market,
  spanMs: number,
  thread: SolverThread,
  signal?: AbortSignal,
): Promise<LaidDown> {
  const beganMs = performance.now();
  const endsMs = beganMs + spanMs * SETTLED;
  const isLate = (): boolean => performance.now() > endsMs;
  const attempts = new Attempts(setting, market, thread, signal);
  const lay = (plan: Plan): LaidDown =>
    layDown(setting, marketWith(setting, market, plan), 'thoroughly', isLate);
  await attempts.until(beganMs + spanMs * FIRST_SUMS);
  const first = lay(attempts.best);
  if (first.failed.length > 0) {
    const { onShards } = within(endsMs - performance.now());
    return exchangedOnShards(marketWith(setting, market, first.chosen), first, onShards(first));
  }
  const before = attempts.best;
  await attempts.until(endsMs - first.tookMs);
  if (attempts.best === before) return first;
  const more = lay(attempts.best);
  return more.objective < first.objective ? more : first;
}

/** The greedy plan where the solver finds nothing better in time. */
export async function placeIntelligently(
  setting: Setting,
  { seconds, gap }: SolverLimits = USUAL_LIMITS,
  signal?: AbortSignal,
): Promise<Improved> {
  signal?.throwIfAborted();
  const endsMs = performance.now() + seconds * 1_000;
  const thread = borrowSolver();
  try {
    // Loads while the plan to start from is made.
    thread.begin();
    const isAttempted = !provable(setting) && setting.endpoints.length <= ALL_MAX;
    const market = marketOf(setting, widely(setting));
    const simple = placeGreedily(setting, Number.POSITIVE_INFINITY);
    const spanMs = endsMs - performance.now();
    const settled =
      isAttempted && market.scarce
        ? await settleBest(setting, market, spanMs, thread, signal)
        : settle(setting, market, within(spanMs * (provable(setting) ? EXCHANGING_PROVABLE : EXCHANGING)));
    const best = simple.objective < settled.objective ? simple : settled;
    // What the solver finds is packed as well.
    const left = (endsMs - performance.now() - Math.min(best.tookMs, PACKING_MS_MAX)) / 1_000;
    if (left <= 0) return { ...best, quality: best === simple ? 'greedy' : 'feasible' };
    const limits = { seconds: left, gap };
    const found = await rearrange(setting, market, best.chosen, thread, limits, seededRandom(1), signal);
    const cost = found.chosen.reduce((sum, one) => sum + one.cost, 0);
    const isLate = (): boolean => performance.now() > endsMs;
    const lying = found.chosen.every((choice, e) => choice === best.chosen[e])
      ? best
      : layDown(setting, { ...market, chosen: found.chosen }, 'thoroughly', isLate);
    if (lying.objective > best.objective) return { ...best, quality: 'feasible' };
    return { ...lying, quality: lying.objective > cost * (1 + gap) ? 'feasible' : found.quality };
  } finally {
    giveBack(thread);
  }
}
