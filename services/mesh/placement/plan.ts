// Plans as people and programs read them: what each policy would place where, what it costs, how fast it would be, whom it moves and
// why. The four stand side by side for `massif place`; the registry follows the one that each endpoint names.
import type {
  PlacementPlan,
  PlacementPolicy,
  PlacementProblem,
  PlannedEndpoint,
} from '../../../contracts/placement.js';
import { loadsOf } from './allocation.js';
import { placeByRule, type Placed, type PlacedAll, type Rule } from './by-rule.js';
import { placeGreedily } from './greedy.js';
import { placeIntelligently } from './intelligent.js';
import { type Cost, costOfAllocation, leftOutCost, objectiveOf, placedRate } from './objective.js';
import { proportional, traffic, user } from './rules.js';
import { type Centre, type EndpointSetting, type Setting, settingOf } from './setting.js';
import type { SolverLimits } from './solver.js';
import { costAsIs } from './staying.js';

const RULES: Readonly<Record<Exclude<PlacementPolicy, 'intelligent'>, Rule>> = {
  proportional,
  traffic,
  user,
};

/**
 * At once: for the intelligent policy the greedy plan, whose search ends with the time, so that `withinMs` without end is for whoever wants the
 * same plan again. Throws PLACEMENT_REFUSED where the problem contradicts itself.
 */
export function planNow(
  problem: PlacementProblem,
  policy: PlacementPolicy,
  withinMs?: number,
): PlacementPlan {
  const began = performance.now();
  const setting = settingOf(problem);
  const found =
    policy === 'intelligent' ? placeGreedily(setting, withinMs) : placeByRule(setting, RULES[policy]);
  return planOf(setting, policy, found, 'greedy', began);
}

/** The solver's, in a thread of its own; the greedy plan when it finds nothing better in time. */
export async function planWell(
  problem: PlacementProblem,
  limits?: SolverLimits,
  signal?: AbortSignal,
): Promise<PlacementPlan> {
  const began = performance.now();
  const setting = settingOf(problem);
  const found = await placeIntelligently(setting, limits, signal);
  return planOf(setting, 'intelligent', found, found.quality, began);
}

/** All four, the intelligent one solved. */
export async function comparePlans(
  problem: PlacementProblem,
  limits?: SolverLimits,
  signal?: AbortSignal,
): Promise<PlacementPlan[]> {
  const rules = (['proportional', 'traffic', 'user'] as const).map((policy) => planNow(problem, policy));
  return [...rules, await planWell(problem, limits, signal)];
}

function planOf(
  setting: Setting,
  policy: PlacementPolicy,
  { placed, unplaced }: PlacedAll,
  quality: PlacementPlan['quality'],
  began: number,
): PlacementPlan {
  const { endpoints } = setting;
  const asIs = policy === 'intelligent' ? costAsIs(setting) : undefined;
  const costed = placed.map((one): Costed => ({
    ...one,
    tails: tailsOf(one),
    cost: costOfAllocation(one.setting, one.allocation),
  }));
  const held = endpoints.reduce((sum, endpoint) => sum + placedRate(endpoint), 0);
  const moved = costed.reduce((sum, { cost }) => sum + cost.movedRate, 0);
  const planned = costed.map((one) => plannedEndpoint(one));
  return {
    policy,
    quality,
    endpoints: planned,
    unplaced: [...unplaced],
    replicas: placed.reduce((sum, { replicas }) => sum + replicas.length, 0),
    costPerHour: planned.reduce((sum, { costPerHour }) => sum + costPerHour, 0),
    objective: objectiveOfAll(endpoints, costed),
    ...(asIs !== undefined && { asIs }),
    p99Ms: quantileOf(costed.flatMap(({ tails }) => tails)),
    movedShare: held > 0 ? moved / held : 0,
    tookMs: performance.now() - began,
  };
}

interface Costed extends Placed {
  readonly tails: readonly Tail[];
  readonly cost: Cost;
}

/** With what it costs to leave the others out. */
function objectiveOfAll(endpoints: readonly EndpointSetting[], costed: readonly Costed[]): number {
  const there = new Set(costed.map(({ setting }) => setting));
  const out = endpoints.reduce((sum, one) => sum + (there.has(one) ? 0 : leftOutCost(one)), 0);
  return costed.reduce((sum, { cost }) => sum + objectiveOf(cost), out);
}

function plannedEndpoint(one: Costed): PlannedEndpoint {
  const { setting, allocation, replicas } = one;
  const shares = setting.groups.map(({ group }, g) => {
    const regions: Record<string, number> = {};
    for (const [centre, share] of allocation.shares[g] ?? []) {
      const region = setting.options.get(centre)?.centre.region ?? '';
      regions[region] = (regions[region] ?? 0) + share;
    }
    return [group.name, regions] as const;
  });
  return {
    name: setting.endpoint.name,
    shards: replicas.map(({ shard }) => shard),
    ratesPerS: Object.fromEntries(replicas.map(({ shard, ratePerS }) => [shard, ratePerS])),
    shares: Object.fromEntries(shares),
    costPerHour: one.cost.money,
    p99Ms: quantileOf(one.tails),
    why: why(one),
  };
}

interface Tail {
  readonly ms: number;
  readonly ratePerS: number;
}

// Service times of models vary little: assumed, standard deviation over mean.
const VARIATION = 0.5;

/**
 * 99th percentile of a group in a centre: round trip, service, and the queue of M/G/1 whose tail is taken for exponential,
 * Wq / rho * ln(100 rho) with Wq = rho (1 + cv^2) S / (2 (1 - rho)). A little high where replicas share their queue.
 */
function tailsOf({ setting, allocation }: Placed): Tail[] {
  const loads = loadsOf(setting, allocation.shares);
  return setting.groups.flatMap(({ group, options }, g) =>
    [...(allocation.shares[g] ?? [])].map(([centre, share]) => {
      const option = setting.options.get(centre);
      const service = option?.serviceMs ?? 0;
      const perReplica = (loads.get(centre) ?? 0) / (allocation.replicas.get(centre) ?? 1);
      const rho = Math.min(0.99, perReplica / (option?.rateAlonePerS ?? 1));
      const queue = ((1 + VARIATION ** 2) * service) / (2 * (1 - rho));
      const tail = Math.max(0, queue * Math.log(Math.max(1, 100 * rho)));
      const ms = (options.get(centre)?.latencyMs ?? 0) + service * (1 + VARIATION) + tail;
      return { ms, ratePerS: share * group.ratePerS };
    }),
  );
}

/** What 99 of 100 requests stay below, if each part of the demand stays below its own. */
function quantileOf(tails: readonly Tail[]): number {
  const total = tails.reduce((sum, { ratePerS }) => sum + ratePerS, 0);
  let covered = 0;
  const sorted = [...tails].sort((a, b) => a.ms - b.ms);
  for (const { ms, ratePerS } of sorted) {
    covered += ratePerS;
    if (covered >= 0.99 * total) return ms;
  }
  return sorted.at(-1)?.ms ?? 0;
}

function why({ setting, allocation, cost }: Costed): string {
  const loads = loadsOf(setting, allocation.shares);
  const places = [...allocation.replicas].map(([index, count]) => {
    const option = setting.options.get(index);
    const load = loads.get(index) ?? 0;
    const reasons = [reasonFor(setting, allocation, index)];
    if (count > 1) reasons.push(`${figure(load)}/s at ${figure(option?.ratePerS ?? 0)}/s each`);
    return `${count} on ${option?.centre.device} in ${placeOf(option?.centre)} (${reasons.join(', ')})`;
  });
  const moved = cost.movedRate;
  return `${places.join('; ')}${moved > 1e-6 ? `; ${figure(moved)}/s move` : ''}`;
}

/** A region, and the zone where it has some. */
const placeOf = (centre: Centre | undefined): string => centre?.zone.replace(/\/$/, '') ?? '';

function reasonFor(
  { groups, options, endpoint }: EndpointSetting,
  { shares }: Placed['allocation'],
  centre: number,
): string {
  const answered = groups.filter((_, g) => shares[g]?.has(centre));
  if (answered.length === 0)
    return endpoint.spread.domains > 1 ? `${endpoint.spread.domains} ${endpoint.spread.over}s` : 'standby';
  const region = options.get(centre)?.centre.region;
  const pinned = answered.some(({ group }) => group.pin !== undefined);
  const bound = answered.some(({ options: where }) => where.size === 1);
  const home = answered.filter(({ group }) => group.home === region).length;
  if (pinned) return 'pinned';
  if (bound) return 'nowhere else allowed';
  if (home > 0) return home === answered.length ? 'home' : `home of ${home} of ${answered.length} groups`;
  return `for ${answered.map(({ group }) => group.home).join(', ')}`;
}

const figure = (value: number): string => String(Number(value.toPrecision(3)));
