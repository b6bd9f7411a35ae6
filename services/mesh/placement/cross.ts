// Of several good plans the best of all of them: endpoints that they place differently are laid down anew by the solver, each within the
// centres that one of the plans uses, all others staying where the best has them (crossover, as in Danna, Rothberg and Le Pape 2005).
import { type Choice, costOfAll, isLeftOut } from './choice.js';
import type { Free } from './neighbourhood.js';
import { HEURISTICS, laidAnew } from './rearrange.js';
import { Remaining } from './remaining.js';
import type { Setting } from './setting.js';
import type { SolverThread } from './solver.js';

const GAP = 1e-3;
// What the solver needs to notice that its time is up.
export const GRACE_S = 0.1;

export type Plan = readonly Choice[];

/** The best of these first. Nothing that costs more than it. */
export async function crossed(
  setting: Setting,
  plans: readonly [Plan, ...Plan[]],
  movableRate: number,
  seconds: number,
  thread: SolverThread,
  signal?: AbortSignal,
): Promise<Plan> {
  const now = [...plans[0]];
  const remaining = new Remaining(setting, movableRate);
  for (const one of now) remaining.lay(one);
  const limits = { seconds, gap: GAP, heuristics: HEURISTICS, patienceS: seconds + 2 * GRACE_S };
  await laidAnew(differing(setting, plans), now, remaining, thread, limits, signal);
  return costOfAll(now) < costOfAll(plans[0]) ? now : plans[0];
}

/** Who lies in several centres can have its users divided anew. */
function differing({ endpoints }: Setting, plans: readonly [Plan, ...Plan[]]): Free[] {
  return endpoints.flatMap((setting, e) => {
    const its = plans.map((plan) => plan[e] as Choice);
    const isSame = its.every((one) => hasSameReplicas(one, its[0] as Choice));
    if (isSame && (its[0] as Choice).replicas.size === 1) return [];
    const leavesOut = isLeftOut(its[0] as Choice);
    return {
      setting,
      centres: new Set(
        leavesOut ? setting.options.keys() : its.flatMap(({ replicas }) => [...replicas.keys()]),
      ),
    };
  });
}

const hasSameReplicas = ({ replicas: a }: Choice, { replicas: b }: Choice): boolean =>
  a.size === b.size && [...a].every(([centre, count]) => b.get(centre) === count);
