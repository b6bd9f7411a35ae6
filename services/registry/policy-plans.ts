// Keeps the plans of the placement policies and makes new ones every while: the greedy answer at once, the solver's when it is ready.
import type { PlacementPlan, PlacementProblem } from '../../contracts/placement.js';
import { PlacementPolicy } from '../../contracts/placement.js';
import { errorFields, type Log } from '../mesh/log.js';
import { planNow, planWell } from '../mesh/placement/plan.js';
import { type PolicyInputs, problemFor, regionReplicas, replicasNow } from './by-policy.js';
import type { ReplicasOf } from './place.js';

// Loading a model takes seconds; a plan should see what came of the one before.
const PLAN_EVERY_MS = 30_000;

export interface PolicyPlansParts {
  readonly log: Log;
  /** A better plan is there: look again. */
  readonly changed: () => void;
}

export class PolicyPlans {
  private readonly plans = new Map<PlacementPolicy, PlacementPlan>();
  private plannedMs = Number.NEGATIVE_INFINITY;
  private plannedAbout = '';
  /** Grows with every plan. */
  revision = 0;

  constructor(private readonly parts: PolicyPlansParts) {}

  /** True when it is time for a new plan, or what there is to place, or to place on, is another. */
  due(about: string, nowMs: number): boolean {
    return about !== this.plannedAbout || nowMs - this.plannedMs >= PLAN_EVERY_MS;
  }

  plan(inputs: Omit<PolicyInputs, 'shares'>, about: string, nowMs: number, signal: AbortSignal): void {
    this.plannedMs = nowMs;
    this.plannedAbout = about;
    this.revision++;
    for (const policy of PlacementPolicy.options) {
      const problem = problemFor(policy, { ...inputs, shares: (name) => this.sharesOf(name) });
      if (!problem) {
        this.plans.delete(policy);
        continue;
      }
      const plan = planNow(problem, policy);
      this.plans.set(policy, plan);
      for (const { name, constraint, reason } of plan.unplaced)
        this.parts.log.warn('placement.refused', { endpoint: name, policy, constraint, reason });
      if (policy === 'intelligent') void this.improve(problem, plan, signal);
    }
  }

  /** Undefined for endpoints without a policy, and for those that their policy could not place: they are placed as before. */
  replicasOf({ shards, current }: Pick<PolicyInputs, 'shards' | 'current'>): ReplicasOf {
    const regions = new Map(shards.map(({ id, region }) => [id, region]));
    const planned = new Map(
      [...this.plans.values()].flatMap((plan) => [...regionReplicas(plan, (id) => regions.get(id) ?? '')]),
    );
    return (endpoint, region) => {
      const mine = endpoint.placement && planned.get(endpoint.name);
      return mine && replicasNow(endpoint, region, mine, shards, current);
    };
  }

  private async improve(
    problem: PlacementProblem,
    greedy: PlacementPlan,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const plan = await planWell(problem, undefined, signal);
      if (signal.aborted || this.plans.get('intelligent') !== greedy) return;
      if (plan.unplaced.length > greedy.unplaced.length || plan.objective >= greedy.objective - 1e-9) return;
      this.plans.set('intelligent', plan);
      this.revision++;
      this.parts.changed();
    } catch (error) {
      if (!signal.aborted) this.parts.log.warn('placement.unsolved', errorFields(error));
    }
  }

  private sharesOf(name: string): PlacementPlan['endpoints'][number]['shares'] | undefined {
    for (const { endpoints } of this.plans.values())
      for (const one of endpoints) if (one.name === name) return one.shares;
    return undefined;
  }
}
