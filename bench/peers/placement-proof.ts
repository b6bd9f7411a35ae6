// What no plan of a problem can beat, and the best that is found on the way: a long solve without packing looks for something better,
// then one question is asked: is anything better by what is wanted? The decomposition says which choices could still be part of it,
// and the solver goes through those.
import type { PlacementPlan } from '../../contracts/placement.js';
import type { Setting } from '../../services/mesh/placement/setting.js';
import type { SolverThread } from '../../services/mesh/placement/solver.js';
import { boundProgramme, startFrom } from './placement-bound.js';
import { narrowed } from './placement-decomposition.js';
import { relaxedPrices } from './placement-prices.js';

export interface Proof {
  readonly variables: number;
  /** The best objective that was found, which need not fit onto the shards. Not a number where nothing was. */
  readonly best: number;
  /** Minus infinity where nothing is proven. */
  readonly bound: number;
}

/** Of the time, what goes into looking; of the rest, what goes into the decomposition. */
const LOOKING = 0.35;
const NARROWING = 0.3;
const WANTED = 0.0099;
const GAP = 1e-4;

export async function proofOf(
  setting: Setting,
  plan: PlacementPlan,
  thread: SolverThread,
  seconds: number,
): Promise<Proof> {
  const endsMs = performance.now() + seconds * 1_000;
  const leftS = (): number => (endsMs - performance.now()) / 1_000;
  const programme = boundProgramme(setting);
  const limits = { seconds: seconds * LOOKING, gap: GAP };
  const long =
    (await thread.solve(programme, limits, startFrom(setting, plan))) ??
    (await thread.solve(programme, limits));
  const best = long?.objective ?? Number.NaN;
  const below = Math.min(plan.objective / (1 + WANTED), long?.objective ?? Number.POSITIVE_INFINITY);
  const found = (bound: number): Proof => ({ variables: programme.variables.length, best, bound });
  let bound = long?.bound ?? Number.NEGATIVE_INFINITY;
  if (bound >= below) return found(bound);
  const prices = await relaxedPrices(setting);
  const narrow = prices && (await narrowed(setting, prices, below, leftS() * NARROWING));
  bound = Math.max(bound, narrow?.bound ?? bound);
  if (bound >= below || leftS() <= 0) return found(bound);
  const rest = boundProgramme(setting, narrow?.choices);
  return found(Math.max(bound, await thread.prove(rest, { seconds: leftS(), gap: GAP }, below)));
}
