// The better answer of the intelligent policy: an integer programme over the choices, started from the greedy plan, packed onto
// shards. Where packing fails, the centres that were too full are planned with less memory and it is solved again.
import { loadsOf } from './allocation.js';
import { largestFirst, packAll, type Placed } from './by-rule.js';
import type { Choice } from './choices.js';
import { choicesFor, greedily, type GreedyResult } from './greedy.js';
import { objectiveOf } from './objective.js';
import { Packing } from './packing.js';
import { programmeOf, variableOf } from './programme.js';
import type { EndpointSetting, Setting } from './setting.js';
import { solve, type Solved, type SolverLimits } from './solver.js';

export interface Improved extends GreedyResult {
  readonly quality: 'greedy' | 'feasible' | 'optimal';
}

// A fifth of what is promised (1 %): packing may lose some more.
const USUAL_LIMITS: SolverLimits = { seconds: 3, gap: 0.002 };

const ROUNDS_MAX = 3;
const LESS_MEMORY = 0.98;
const ORDERS_MAX = 12;

/** The greedy plan where the solver finds nothing better in time. All rounds together keep to the time limit. */
export async function placeIntelligently(
  setting: Setting,
  limits: SolverLimits = USUAL_LIMITS,
  signal?: AbortSignal,
): Promise<Improved> {
  const choices = choicesFor(setting);
  const greedy = greedily(setting, choices);
  const shareOf = new Map<number, number>();
  let seconds = limits.seconds;
  const start = startFrom(choices, greedy);
  for (let round = 0; round < ROUNDS_MAX && seconds > 0.1; round++) {
    const programme = programmeOf(setting, choices, (centre) => shareOf.get(centre) ?? 1);
    const began = performance.now();
    const solved = await solve(programme, { ...limits, seconds }, start, signal);
    seconds -= (performance.now() - began) / 1_000;
    if (!solved) break;
    const packed = pack(setting, chosenBy(choices, solved));
    if (Array.isArray(packed)) {
      const objective = packed.reduce((sum, one) => sum + objectiveOf(one.setting, one.allocation), 0);
      if (greedy.unplaced.length === setting.refused.length && greedy.objective <= objective)
        return { ...greedy, quality: solved.quality };
      return { placed: packed, unplaced: setting.refused, objective, quality: solved.quality };
    }
    for (const centre of packed.full) shareOf.set(centre, (shareOf.get(centre) ?? 1) * LESS_MEMORY);
  }
  return { ...greedy, quality: 'greedy' };
}

function startFrom(
  choices: readonly (readonly Choice[])[],
  { placed }: GreedyResult,
): Map<string, number> | undefined {
  if (placed.length < choices.length) return undefined;
  return new Map(
    placed.map(({ setting: { index }, allocation }) => {
      const chosen = choices[index]?.findIndex((choice) => choice === allocation) ?? 0;
      return [variableOf(index, chosen), 1];
    }),
  );
}

const chosenBy = (choices: readonly (readonly Choice[])[], solved: Solved): (Choice | undefined)[] =>
  choices.map((list, e) => list.find((_, k) => solved.value(variableOf(e, k)) > 0.5));

/** What found no room is placed first at the next try. */
function pack(
  setting: Setting,
  chosen: readonly (Choice | undefined)[],
): Placed[] | { readonly full: ReadonlySet<number> } {
  let order = largestFirst(setting.endpoints);
  const full = new Set<number>();
  for (let attempt = 0; attempt < ORDERS_MAX; attempt++) {
    const packing = new Packing(setting.centres, attempt > 0);
    const placed: Placed[] = [];
    const failed: EndpointSetting[] = [];
    for (const endpoint of order) {
      const allocation = chosen[endpoint.index];
      if (!allocation) continue;
      const packed = packAll(endpoint, allocation.replicas, loadsOf(endpoint, allocation.shares), packing);
      if ('shards' in packed) placed.push({ setting: endpoint, allocation, shards: packed.shards });
      else {
        failed.push(endpoint);
        full.add(packed.full);
      }
    }
    if (placed.length === setting.endpoints.length) return placed;
    order = [...failed, ...order.filter((endpoint) => !failed.includes(endpoint))];
  }
  return { full };
}
