// The ways in which one endpoint could be placed: small sets of centres, each group of users in the cheapest of the set. The greedy
// answer takes one of them for every endpoint, and so does the solver: with whole choices as its variables the relaxed programme is
// nearly whole already, which shares and replicas as variables are far from.
import { type Allocation, loadsOf, replicasFor } from './allocation.js';
import { MOVE_PRICE, movedRate, objectiveOf, rateCostOf } from './objective.js';
import { domainOf, type EndpointSetting, type GroupSetting, type Option } from './setting.js';

export interface Choice extends Allocation {
  readonly cost: number;
  readonly movedRate: number;
  /** What it takes of each centre; `busy` in devices. */
  readonly uses: readonly { readonly centre: number; readonly bytes: number; readonly busy: number }[];
}

export interface ChoiceLimits {
  /** Sets are made of these many centres, at least. */
  readonly centres: number;
  readonly setSizeMax: number;
  readonly kept: number;
}

/** Cheapest first. */
export function choicesOf(setting: EndpointSetting, limits: ChoiceLimits): Choice[] {
  const candidates = candidatesOf(setting, limits.centres);
  const parts = partsOf(setting, candidates);
  const sets: Sketch[] = [];
  for (const set of subsets(candidates.length, limits.setSizeMax)) {
    const sketch = sketchOf(setting, candidates, parts, set);
    if (sketch) sets.push(sketch);
  }
  sets.sort((a, b) => a.cost - b.cost);
  // Small sets take less memory: where that is short they are wanted although they cost more.
  const kept = sets.filter(({ set }, rank) => rank < limits.kept || set.length === 1);
  return kept
    .flatMap((sketch) => finished(setting, candidates, parts, sketch) ?? [])
    .sort((a, b) => a.cost - b.cost);
}

/** Of a group: what one region answers of it now, or what none does. */
interface Part {
  readonly g: number;
  readonly share: number;
  readonly ratePerS: number;
  /** By candidate; infinite where the group may not be. */
  readonly costs: readonly number[];
}

interface Sketch {
  readonly set: readonly number[];
  readonly seats: readonly number[];
  readonly cost: number;
}

function candidatesOf(setting: EndpointSetting, count: number): Option[] {
  const options = [...setting.options.values()];
  const cheapestFor = (group: GroupSetting): Option[] => {
    const priced = options.flatMap((option) => {
      if (!group.options.has(option.centre.index)) return [];
      const cost = group.group.ratePerS * rateCostIn(option, group) + option.replicaCost;
      return [{ option, cost, tie: Math.abs(setting.index - option.centre.index) }];
    });
    return priced.sort((a, b) => a.cost - b.cost || a.tie - b.tie).map(({ option }) => option);
  };
  const ranked = setting.groups.map(cheapestFor);
  const spare = ranked.flatMap((list) => list.slice(0, 2));
  const chosen = new Set(spare);
  for (let rank = 2; chosen.size < count && ranked.some((list) => rank < list.length); rank++)
    for (const option of ranked.flatMap((list) => list[rank] ?? []))
      if (chosen.size < count) chosen.add(option);
  addDomains(setting, options, chosen);
  return [...chosen];
}

/** Enough of them for the spread. */
function addDomains({ endpoint }: EndpointSetting, options: Option[], chosen: Set<Option>): void {
  const domains = new Set([...chosen].map(({ centre }) => domainOf(endpoint, centre)));
  for (const option of options.sort((a, b) => a.replicaCost - b.replicaCost)) {
    if (domains.size >= endpoint.spread.domains) return;
    if (domains.has(domainOf(endpoint, option.centre))) continue;
    domains.add(domainOf(endpoint, option.centre));
    chosen.add(option);
  }
}

/** With what it costs to move the group there. */
function rateCostIn(option: Option, group: GroupSetting): number {
  const moved = group.now.size === 0 ? 0 : 1 - (group.now.get(option.centre.region) ?? 0);
  return rateCostOf(option, group) + option.replicaCost / option.ratePerS + moved * MOVE_PRICE;
}

function partsOf(setting: EndpointSetting, candidates: readonly Option[]): Part[] {
  return setting.groups.flatMap((group, g) => {
    const known = [...group.now.values()].reduce((sum, share) => sum + share, 0);
    const shares: (readonly [string | undefined, number])[] = [...group.now];
    if (known < 1 - 1e-9) shares.push([undefined, 1 - known]);
    const rates = candidates.map((option) =>
      group.options.has(option.centre.index)
        ? rateCostOf(option, group) + option.replicaCost / option.ratePerS
        : Number.POSITIVE_INFINITY,
    );
    return shares.map(([region, share]): Part => {
      const costs = candidates.map(
        ({ centre }, k) =>
          (rates[k] as number) + (region === undefined || region === centre.region ? 0 : MOVE_PRICE),
      );
      return { g, share, ratePerS: share * group.group.ratePerS, costs };
    });
  });
}

function* subsets(
  count: number,
  sizeMax: number,
  from = 0,
  chosen: readonly number[] = [],
): Generator<number[]> {
  if (chosen.length > 0) yield [...chosen];
  if (chosen.length === sizeMax) return;
  for (let i = from; i < count; i++) yield* subsets(count, sizeMax, i + 1, [...chosen, i]);
}

/** Every part in the cheapest of the set that has room; undefined where that is impossible, or a smaller set says the same. */
function sketchOf(
  { endpoint }: EndpointSetting,
  candidates: readonly Option[],
  parts: readonly Part[],
  set: readonly number[],
): Sketch | undefined {
  const loads = new Map<number, number>();
  const seats: number[] = [];
  let cost = 0;
  for (const { costs, ratePerS } of parts) {
    let best = -1;
    for (const k of set) {
      const { ratePerS: each, shards } = candidates[k] as Option;
      if ((costs[k] as number) >= (best < 0 ? Number.POSITIVE_INFINITY : (costs[best] as number))) continue;
      if ((loads.get(k) ?? 0) + ratePerS <= each * shards * (1 + 1e-9)) best = k;
    }
    if (best < 0) return undefined;
    loads.set(best, (loads.get(best) ?? 0) + ratePerS);
    cost += ratePerS * (costs[best] as number);
    seats.push(best);
  }
  if (loads.size < set.length && endpoint.spread.domains === 1) return undefined;
  for (const k of set) {
    const { replicaCost, ratePerS } = candidates[k] as Option;
    const load = (loads.get(k) ?? 0) / ratePerS;
    cost += (Math.max(1, Math.ceil(load - 1e-9)) - load) * replicaCost;
  }
  return { set, seats, cost };
}

function finished(
  setting: EndpointSetting,
  candidates: readonly Option[],
  parts: readonly Part[],
  { set, seats }: Sketch,
): Choice | undefined {
  const shares = setting.groups.map(() => new Map<number, number>());
  parts.forEach(({ g, share }, p) => {
    const centre = (candidates[seats[p] as number] as Option).centre.index;
    shares[g]?.set(centre, (shares[g]?.get(centre) ?? 0) + share);
  });
  const loads = loadsOf(setting, shares);
  for (const k of set) {
    const { index } = (candidates[k] as Option).centre;
    if (!loads.has(index)) loads.set(index, 0);
  }
  const replicas = replicasFor(setting, loads);
  if ('constraint' in replicas) return undefined;
  const allocation: Allocation = { replicas, shares };
  return {
    ...allocation,
    cost: objectiveOf(setting, allocation),
    movedRate: movedRate(setting, allocation),
    uses: [...replicas].map(([centre, count]) => ({
      centre,
      bytes: count * setting.endpoint.memoryBytes,
      busy: (loads.get(centre) ?? 0) / (setting.options.get(centre) as Option).rateAlonePerS,
    })),
  };
}
