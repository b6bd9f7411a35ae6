// Keeps the plans of the placement policies and makes new ones every while: the greedy answer at once, the solver's when it is ready.
import type { PlacementPlan, PlacementProblem } from '../../contracts/placement.js';
import { PlacementPolicy } from '../../contracts/placement.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { Plan } from '../mesh/placement/planner.js';
import { type LiveInputs, liveProblem } from '../mesh/placement/live-problem.js';
import type { PlaceRules } from './place.js';
import { seatsNow } from './seats.js';

// Loading a model takes seconds; a plan should see what came of the one before.
const PLAN_EVERY_MS = 30_000;

export interface PolicyPlansParts {
  readonly log: Log;
  readonly planning: Plan;
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

  /** Resolves when every policy has its plan; the solver's may come later. What is in force meanwhile stays. */
  async plan(
    inputs: Omit<LiveInputs, 'shares'>,
    about: string,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.plannedMs = nowMs;
    this.plannedAbout = about;
    const problems = PlacementPolicy.options.map((policy) => ({
      policy,
      problem: liveProblem({
        ...inputs,
        endpoints: inputs.endpoints.filter(({ placement }) => placement?.policy === policy),
        shares: (name) => this.sharesOf(name),
      }),
    }));
    await Promise.all(problems.map(({ policy, problem }) => this.planOne(policy, problem, about, signal)));
  }

  private async planOne(
    policy: PlacementPolicy,
    problem: PlacementProblem | undefined,
    about: string,
    signal: AbortSignal,
  ): Promise<void> {
    if (!problem) {
      if (this.plans.delete(policy)) this.revision++;
      return;
    }
    try {
      const [plan] = await this.parts.planning(problem, policy, signal);
      // Shards or endpoints have changed since: another plan is on its way.
      if (signal.aborted || !plan || this.plannedAbout !== about) return;
      this.plans.set(policy, plan);
      this.revision++;
      for (const { name, constraint, reason } of plan.unplaced)
        this.parts.log.warn('placement.refused', { endpoint: name, policy, constraint, reason });
      this.parts.changed();
      if (policy === 'intelligent') void this.improve(problem, plan, signal);
    } catch (error) {
      if (!signal.aborted) this.parts.log.warn('placement.unplanned', { policy, ...errorFields(error) });
    }
  }

  /** Some plan has placed it, or left it out. */
  knows(name: string): boolean {
    return [...this.plans.values()].some(
      ({ endpoints, unplaced }) =>
        endpoints.some((one) => one.name === name) || unplaced.some((one) => one.name === name),
    );
  }

  /** Undefined for endpoints without a policy, and for those that their policy could not place: they are placed as before. */
  rules({
    shards,
    current,
  }: Pick<LiveInputs, 'shards' | 'current'>): Pick<Required<PlaceRules>, 'replicasOf' | 'seatsOf'> {
    const regions = new Map(shards.map(({ id, region }) => [id, region]));
    const planned = new Map(
      [...this.plans.values()].flatMap(({ endpoints }) =>
        endpoints.map(({ name, shards: at }) => [name, at] as const),
      ),
    );
    const shardsOf = ({ name, placement }: EndpointRecord) => placement && planned.get(name);
    return {
      replicasOf: (endpoint, region) =>
        shardsOf(endpoint)?.filter((shard) => regions.get(shard) === region).length,
      seatsOf: (endpoint) => seatsNow(endpoint, shardsOf(endpoint), shards, current),
    };
  }

  private async improve(
    problem: PlacementProblem,
    greedy: PlacementPlan,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const [plan] = await this.parts.planning(problem, 'solved', signal);
      if (signal.aborted || !plan || this.plans.get('intelligent') !== greedy) return;
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
