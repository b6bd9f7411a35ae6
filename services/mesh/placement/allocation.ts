// Of one endpoint: how many replicas in which centre, and which share of each user group they answer. Every policy makes these;
// what spread and failures ask for beyond the demand is added here, the same for all.
import type { PlacementConstraint } from '../../../contracts/placement.js';
import { domainOf, type EndpointSetting, type Option } from './setting.js';

/** By the centre's index; shares of a group add up to 1. */
export type Shares = ReadonlyMap<number, number>;

export interface Allocation {
  readonly replicas: ReadonlyMap<number, number>;
  /** One for each group, in order. */
  readonly shares: readonly Shares[];
}

/** A share of a group in a centre. */
export interface Seat {
  readonly g: number;
  readonly centre: number;
  readonly share: number;
}

export const seatsOf = ({ shares }: Pick<Allocation, 'shares'>): Seat[] =>
  shares.flatMap((its, g) => [...its].map(([centre, share]) => ({ g, centre, share })));

export interface Shortfall {
  readonly constraint: PlacementConstraint;
  readonly reason: string;
  /** Which centre is asked for more than it has. */
  readonly centre?: number;
}

/** Requests a second in each centre. */
export function loadsOf({ groups }: EndpointSetting, shares: readonly Shares[]): Map<number, number> {
  const loads = new Map<number, number>();
  groups.forEach(({ group }, g) => {
    for (const [centre, share] of shares[g] ?? [])
      loads.set(centre, (loads.get(centre) ?? 0) + share * group.ratePerS);
  });
  return loads;
}

/** Enough replicas for these loads, and then for spread and the loss of a domain. `demandFactor` leaves room for growth, where there is some. */
export function replicasFor(
  setting: EndpointSetting,
  loads: ReadonlyMap<number, number>,
  demandFactor = 1,
): Map<number, number> | Shortfall {
  const replicas = new Map<number, number>();
  for (const [centre, load] of loads) {
    const option = setting.options.get(centre) as Option;
    const needed = needsReplicas(load, option);
    if (needed > option.shards) return tooMany(option, load, needed);
    replicas.set(centre, Math.min(option.shards, needsReplicas(load * demandFactor, option)));
  }
  return spreadOut(setting, replicas) ?? survive(setting, replicas) ?? replicas;
}

/** One at least: what is served somewhere is resident there. */
export const needsReplicas = (ratePerS: number, option: Option): number =>
  Math.max(1, option.pinned.size, Math.ceil(ratePerS / option.ratePerS - 1e-9));

const tooMany = ({ centre, shards }: Option, load: number, needed: number): Shortfall => ({
  constraint: 'capacity',
  centre: centre.index,
  reason: `${Math.round(load)} requests a second need ${needed} replicas in ${centre.region}, which has ${shards} ${centre.device} shards for it.`,
});

/** Adds a replica in the cheapest domains that have none, in place. */
function spreadOut(setting: EndpointSetting, replicas: Map<number, number>): Shortfall | undefined {
  const { spread } = setting.endpoint;
  if (spread.domains <= 1 && replicas.size > 0) return undefined;
  const domains = new Set([...replicas.keys()].map((centre) => domainIn(setting, centre)));
  if (domains.size >= spread.domains) return undefined;
  const others = [...setting.options.values()].sort((a, b) => a.replicaCost - b.replicaCost);
  for (const option of others) {
    if (domains.size >= spread.domains) return undefined;
    const domain = domainOf(setting.endpoint, option.centre);
    if (domains.has(domain)) continue;
    domains.add(domain);
    replicas.set(option.centre.index, 1);
  }
  if (domains.size >= spread.domains) return undefined;
  return {
    constraint: 'spread',
    reason: `Only ${domains.size} of ${spread.domains} ${spread.over}s can hold it.`,
  };
}

/** Adds replicas until the others carry what has to survive, whichever domain is lost, in place. */
function survive(setting: EndpointSetting, replicas: Map<number, number>): Shortfall | undefined {
  const { spread } = setting.endpoint;
  const needed = spread.survives * setting.ratePerS;
  if (needed <= 0) return undefined;
  for (const lost of new Set([...replicas.keys()].map((centre) => domainIn(setting, centre)))) {
    const others = [...replicas.keys()]
      .filter((centre) => domainIn(setting, centre) !== lost)
      .map((centre) => setting.options.get(centre) as Option)
      .sort((a, b) => a.replicaCost / a.rateMaxPerS - b.replicaCost / b.rateMaxPerS);
    let missing =
      needed - others.reduce((sum, o) => sum + o.rateMaxPerS * (replicas.get(o.centre.index) ?? 0), 0);
    for (const option of others) {
      if (missing <= 1e-9) break;
      const has = replicas.get(option.centre.index) ?? 0;
      const more = Math.min(option.shards - has, Math.ceil(missing / option.rateMaxPerS - 1e-9));
      replicas.set(option.centre.index, has + more);
      missing -= more * option.rateMaxPerS;
    }
    if (missing > 1e-6)
      return {
        constraint: 'spread',
        reason: `Without ${lost} the others are ${Math.ceil(missing)} requests a second short of what is to survive.`,
      };
  }
  return undefined;
}

const domainIn = (setting: EndpointSetting, centre: number): string =>
  domainOf(setting.endpoint, (setting.options.get(centre) as Option).centre);
