// The better answer of the intelligent policy: the greedy plan, rearranged by the solver until the time is up, then packed shard by shard.
import { seededRandom } from '../random.js';
import type { PlacedAll } from './by-rule.js';
import { type Effort, effortFor, marketOf, packed, placeGreedily } from './greedy.js';
import { borrowSolver, giveBack } from './idle-solvers.js';
import { rearrange } from './rearrange.js';
import type { Setting } from './setting.js';
import type { SolverLimits } from './solver.js';

export interface Improved extends PlacedAll {
  readonly quality: 'greedy' | 'feasible' | 'optimal';
}

const USUAL_LIMITS: SolverLimits = { seconds: 2.75, gap: 0.002 };

/** More choices than the greedy answer has time for. */
function widely(setting: Setting): Effort {
  const effort = effortFor(setting);
  if (setting.endpoints.length > 150) return effort;
  const limits = { centres: 12, beam: 12, kept: 40 };
  return { first: { ...limits, kept: 20 }, priced: limits, pricings: 2, rounds: 150, starts: 40, passes: 3 };
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
    const market = marketOf(setting, widely(setting));
    const simple = placeGreedily(setting);
    const wide = packed(setting, market, 'thoroughly');
    const best = simple.objective < wide.objective ? simple : wide;
    const left = (endsMs - performance.now()) / 1_000;
    if (left <= 0) return { ...best, quality: 'greedy' };
    const limits = { seconds: left, gap };
    const found = await rearrange(setting, market, best.chosen, thread, limits, seededRandom(1), signal);
    const cost = found.chosen.reduce((sum, one) => sum + one.cost, 0);
    const lying = packed(setting, { ...market, chosen: found.chosen }, 'thoroughly');
    if (lying.objective > best.objective) return { ...best, quality: 'feasible' };
    return { ...lying, quality: lying.objective > cost * (1 + gap) ? 'feasible' : found.quality };
  } finally {
    giveBack(thread);
  }
}
