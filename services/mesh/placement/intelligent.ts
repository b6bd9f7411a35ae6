// The better answer of the intelligent policy: an integer programme over the choices, started from the greedy plan, packed onto shards.
// Where packing fails it is mended as the greedy plan is made, the centres that were too full are planned with less memory, and it is
// solved again.
import { type Choice, isLeftOut } from './choices.js';
import {
  type Effort,
  effortFor,
  type GreedyResult,
  type Market,
  marketOf,
  packed,
  placeGreedily,
} from './greedy.js';
import { programmeOf, variableOf } from './programme.js';
import type { Setting } from './setting.js';
import { solve, type Solved, type SolverLimits } from './solver.js';

export interface Improved extends GreedyResult {
  readonly quality: 'greedy' | 'feasible' | 'optimal';
}

// A fifth of what is promised (1 %): packing may lose some more.
const USUAL_LIMITS: SolverLimits = { seconds: 2.5, gap: 0.002 };

const ROUNDS_MAX = 3;
const LESS_MEMORY = 0.98;
const FIRST_PART = 0.7;
const LIKELY_PART = 0.2;

/** More choices than the greedy answer has time for. */
function widely(setting: Setting): Effort {
  const effort = effortFor(setting);
  if (setting.endpoints.length > 150) return effort;
  const limits = { centres: 12, beam: 12, kept: 40 };
  return { first: { ...limits, kept: 20 }, priced: limits, rounds: 120, passes: 6, steps: 25_000 };
}

/** The greedy plan where the solver finds nothing better in time. All rounds together keep to the time limit. */
export async function placeIntelligently(
  setting: Setting,
  limits: SolverLimits = USUAL_LIMITS,
  signal?: AbortSignal,
): Promise<Improved> {
  const endsMs = performance.now() + limits.seconds * 1_000;
  const effort = widely(setting);
  const market = marketOf(setting, effort);
  const simple = placeGreedily(setting);
  const wide = packed(setting, market, market.chosen, 'thoroughly').found;
  let best: Improved = { ...(simple.objective < wide.objective ? simple : wide), quality: 'greedy' };
  const shareOf = new Map<number, number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const left = (endsMs - performance.now()) / 1_000;
    if (left < 0.1) break;
    const choices = likely(market, best);
    const programme = programmeOf(setting, choices, market.movableRate, (c) => shareOf.get(c) ?? 1);
    // The rest is for another round, should packing fail.
    const seconds = round < ROUNDS_MAX - 1 ? left * FIRST_PART : left;
    const solved = await solve(programme, { ...limits, seconds }, startFrom(choices, best), signal);
    if (!solved) break;
    const { found, full } = packed(setting, market, chosenBy(choices, solved), 'thoroughly');
    if (found.objective < best.objective - 1e-9) best = { ...found, quality: solved.quality };
    else if (full.size === 0) best = { ...best, quality: solved.quality };
    // No packing is better than what the solver would have, but for its gap.
    if (solved.quality === 'optimal' && best.objective <= solved.objective * (1 + limits.gap)) break;
    for (const centre of full) shareOf.set(centre, (shareOf.get(centre) ?? 1) * LESS_MEMORY);
  }
  return best;
}

/**
 * Without what the prices speak against: a choice whose price is above its endpoint's cheapest by more than the plan is above the bound
 * cannot be part of a better plan, and one above a part of that hardly is.
 */
function likely({ choices, priced, bound }: Market, { chosen, objective }: GreedyResult): Choice[][] {
  const slackMax = (objective - bound) * LIKELY_PART + 1e-9;
  return choices.map((list, e) => {
    const costs = priced[e] as Float64Array;
    const least = Math.min(...costs);
    const held = chosen[e] as Choice;
    const others = list.filter(
      (choice, k) => choice !== held && (isLeftOut(choice) || (costs[k] as number) - least <= slackMax),
    );
    return [held, ...others];
  });
}

function startFrom(
  choices: readonly (readonly Choice[])[],
  { chosen }: GreedyResult,
): Map<string, number> | undefined {
  return new Map(chosen.map((choice, e) => [variableOf(e, choices[e]?.indexOf(choice) ?? 0), 1]));
}

const chosenBy = (choices: readonly (readonly Choice[])[], solved: Solved): Choice[] =>
  choices.map((list, e) => (list.find((_, k) => solved.value(variableOf(e, k)) > 0.5) ?? list[0]) as Choice);
