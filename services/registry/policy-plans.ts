// Keeps the plans of the placement policies and makes new ones every while: the greedy answer at once, the solver's when it is ready; the intelligent
// policy's is followed until another is worth what following it takes.
import type { PlacementPlan, PlacementProblem, PlannedEndpoint } from '../../contracts/placement.js';
import { PlacementPolicy } from '../../contracts/placement.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { Plan } from '../mesh/placement/planner.js';
import { type LiveInputs, liveProblem } from '../mesh/placement/live-problem.js';
import { isWorth } from '../mesh/placement/staying.js';
import type { PlaceRules } from './place.js';
import { seatsNow } from './seats.js';

// Loading a model takes seconds; a plan should see what came of the one before.
const PLAN_EVERY_MS = 30_000;
/** A solved plan keeps a core busy for seconds. Each that is not worth following lets the next wait twice as long, until one is or something changes. */
const SOLVE_EVERY_MS_MAX = 600_000;

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
  private solveFromMs = Number.NEGATIVE_INFINITY;
  private solveEveryMs = PLAN_EVERY_MS;
  /** Grows with every plan. */
  revision = 0;

  constructor(private readonly parts: PolicyPlansParts) {}

  /** True when it is time for a new plan, or what there is to place, or to place on, is another. */
  due(about: string, nowMs: number): boolean {
    return about !== this.plannedAbout || nowMs - this.plannedMs >= PLAN_EVERY_MS;
  }

  /** Resolves when every policy has its plan; the solver's may come later. What is in force meanwhile stays. */
  async plan(
    inputs: Omit<LiveInputs, 'shares' | 'seats'>,
    about: string,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (about !== this.plannedAbout) this.solveSoon();
    this.plannedMs = nowMs;
    this.plannedAbout = about;
    const planned = this.planned();
    const problems = PlacementPolicy.options.map((policy) => ({
      policy,
      problem: liveProblem({
        ...inputs,
        endpoints: inputs.endpoints.filter(({ placement }) => placement?.policy === policy),
        shares: (name) => planned.get(name)?.shares,
        seats: (name) => planned.get(name)?.shards,
      }),
    }));
    await Promise.all(
      problems.map(({ policy, problem }) => this.planOne(policy, problem, { about, nowMs }, signal)),
    );
  }

  private async planOne(
    policy: PlacementPolicy,
    problem: PlacementProblem | undefined,
    { about, nowMs }: { readonly about: string; readonly nowMs: number },
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
      for (const { name, constraint, reason } of plan.unplaced)
        this.parts.log.warn('placement.refused', { endpoint: name, policy, constraint, reason });
      const before = this.plans.get(policy);
      const stays = before !== undefined && !isWorth(plan, plan.asIs) && isWhole(before, problem);
      const followed = stays ? withoutOthers(before, problem) : plan;
      if (followed !== before) this.follow(policy, followed);
      if (policy !== 'intelligent') return;
      if (!stays) this.solveSoon();
      if (nowMs < this.solveFromMs) return;
      const cost = stays ? plan.asIs : plan.objective;
      void this.improve(problem, { followed, cost, nowMs }, signal);
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
    const planned = this.planned();
    const shardsOf = ({ name, placement }: EndpointRecord) => placement && planned.get(name)?.shards;
    return {
      replicasOf: (endpoint, region) =>
        shardsOf(endpoint)?.filter((shard) => regions.get(shard) === region).length,
      seatsOf: (endpoint) => seatsNow(endpoint, shardsOf(endpoint), shards, current),
    };
  }

  private solveSoon(): void {
    this.solveEveryMs = PLAN_EVERY_MS;
    this.solveFromMs = Number.NEGATIVE_INFINITY;
  }

  private follow(policy: PlacementPolicy, plan: PlacementPlan): void {
    this.plans.set(policy, plan);
    this.revision++;
    this.parts.changed();
  }

  /** `cost`: what following the plan that is followed costs now. */
  private async improve(
    problem: PlacementProblem,
    {
      followed,
      cost,
      nowMs,
    }: { readonly followed: PlacementPlan; readonly cost: number | undefined; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const [plan] = await this.parts.planning(problem, 'solved', signal);
      if (signal.aborted || !plan || this.plans.get('intelligent') !== followed) return;
      if (isWorth(plan, cost)) {
        this.solveSoon();
        this.follow('intelligent', plan);
        return;
      }
      this.solveEveryMs = Math.min(2 * this.solveEveryMs, SOLVE_EVERY_MS_MAX);
      this.solveFromMs = nowMs + this.solveEveryMs;
    } catch (error) {
      if (!signal.aborted) this.parts.log.warn('placement.unsolved', errorFields(error));
    }
  }

  private planned(): ReadonlyMap<string, PlannedEndpoint> {
    return new Map(
      [...this.plans.values()].flatMap(({ endpoints }) => endpoints.map((one) => [one.name, one] as const)),
    );
  }
}

/** It speaks of every endpoint, and the shards that it names are there. */
function isWhole({ endpoints, unplaced }: PlacementPlan, problem: PlacementProblem): boolean {
  const shards = new Set(problem.shards.map(({ id }) => id));
  const placed = new Map(endpoints.map((one) => [one.name, one.shards]));
  const left = new Set(unplaced.map(({ name }) => name));
  return problem.endpoints.every(
    ({ name }) => placed.get(name)?.every((shard) => shards.has(shard)) ?? left.has(name),
  );
}

/** The same plan, unless it speaks of endpoints that have gone, or follow another policy since. */
function withoutOthers(plan: PlacementPlan, problem: PlacementProblem): PlacementPlan {
  const names = new Set(problem.endpoints.map(({ name }) => name));
  const endpoints = plan.endpoints.filter(({ name }) => names.has(name));
  const unplaced = plan.unplaced.filter(({ name }) => names.has(name));
  const isSame = endpoints.length === plan.endpoints.length && unplaced.length === plan.unplaced.length;
  return isSame ? plan : { ...plan, endpoints, unplaced };
}
