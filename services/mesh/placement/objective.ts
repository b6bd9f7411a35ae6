// What the intelligent policy makes small: the price of devices and links, the time that requests travel, the demand that moves, the models
// that have to be loaded for it. Everything in price units per hour.
import { type Allocation, loadsOf, type Seat, seatsOf } from './allocation.js';
import type { EndpointSetting, GroupSetting, Option } from './setting.js';

/** What a millisecond less is worth, for one request a second. */
export const LATENCY_PRICE = 0.002;
/** What it costs to send one request a second to another region than now. */
export const MOVE_PRICE = 0.01;
/** A replica that comes to an endpoint that has some costs so much of what it costs an hour: the old one stays until it is ready. */
export const LOADING_HOURS = 0.1;
/** An endpoint that is left out costs so many times what it would cost at the dearest place. With 10 one in four full plans left somebody out for whom there was room. */
export const LEFT_OUT_TIMES = 40;
/** Of the demand that is answered now, where it may still be answered, this share may move in one plan. */
export const MOVED_SHARE_MAX = 0.1;

/** Of a request a second of this group in this centre, without what moving costs. */
export function rateCostOf(option: Option, { options }: GroupSetting): number {
  const path = options.get(option.centre.index);
  return option.rateCost + (path?.linkCost ?? 0) + LATENCY_PRICE * (path?.latencyMs ?? 0);
}

/** Of one that comes. Whoever is new has to be loaded wherever that is. */
export const loadingCostOf = ({ held }: Pick<EndpointSetting, 'held'>, { replicaCost }: Option): number =>
  held.size === 0 ? 0 : LOADING_HOURS * replicaCost;

/** Requests a second that another region would answer than now. */
export function movedRate({ groups, options }: EndpointSetting, seats: readonly Seat[]): number {
  let moved = 0;
  for (let g = 0; g < groups.length; g++) {
    const { group, now } = groups[g] as GroupSetting;
    for (const [region, was] of now) {
      let stays = 0;
      for (const seat of seats)
        if (seat.g === g && options.get(seat.centre)?.centre.region === region) stays += seat.share;
      moved += Math.max(0, was - stays) * group.ratePerS;
    }
  }
  return moved;
}

/** Requests a second that are answered now, where they may still be answered. */
export const placedRate = ({ groups }: EndpointSetting): number =>
  groups.reduce(
    (sum, { group, now }) => sum + group.ratePerS * [...now.values()].reduce((total, was) => total + was, 0),
    0,
  );

/** So much that whoever can be placed is placed, and that little is left out where not all can. */
export function leftOutCost({ endpoint, groups, options }: EndpointSetting): number {
  const replica = Math.max(...[...options.values()].map(({ replicaCost }) => replicaCost));
  const dearest = groups.reduce((sum, group) => {
    const costs = [...group.options.keys()].map((centre) => {
      const option = options.get(centre) as Option;
      return rateCostOf(option, group) + option.replicaCost / option.ratePerS;
    });
    return sum + group.group.ratePerS * (Math.max(...costs) + MOVE_PRICE);
  }, 0);
  return LEFT_OUT_TIMES * (dearest + replica * endpoint.spread.domains);
}

export interface Cost {
  /** Devices and links. */
  readonly money: number;
  readonly latency: number;
  /** Requests a second. */
  readonly movedRate: number;
  readonly loading: number;
}

export function costOf(
  setting: EndpointSetting,
  replicas: Allocation['replicas'],
  seats: readonly Seat[],
  loads: ReadonlyMap<number, number>,
): Cost {
  let money = 0;
  let latency = 0;
  let loading = 0;
  for (const [centre, count] of replicas) {
    const option = setting.options.get(centre);
    if (!option) continue;
    money += count * option.replicaCost;
    const comes = count - (setting.held.get(centre) ?? 0);
    if (comes > 0) loading += comes * loadingCostOf(setting, option);
  }
  for (const [centre, load] of loads) money += load * (setting.options.get(centre)?.rateCost ?? 0);
  for (const { g, centre, share } of seats) {
    const { group, options } = setting.groups[g] as GroupSetting;
    const path = options.get(centre);
    money += share * group.ratePerS * (path?.linkCost ?? 0);
    latency += share * group.ratePerS * (path?.latencyMs ?? 0) * LATENCY_PRICE;
  }
  return { money, latency, movedRate: movedRate(setting, seats), loading };
}

export const costOfAllocation = (setting: EndpointSetting, allocation: Allocation): Cost =>
  costOf(setting, allocation.replicas, seatsOf(allocation), loadsOf(setting, allocation.shares));

export const objectiveOf = ({ money, latency, movedRate: moved, loading }: Cost): number =>
  money + latency + moved * MOVE_PRICE + loading;
