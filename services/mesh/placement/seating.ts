// Where the users of an endpoint sit when it lies in these centres and no others: each group in the cheapest that has room, divided where the
// room ends. The search for choices asks it thousands of times.
import { replicasFor, type Seat } from './allocation.js';
import { type Choice, Seated } from './choice.js';
import { MOVE_PRICE, rateCostOf } from './objective.js';
import type { EndpointSetting, GroupSetting, Option } from './setting.js';

/** What scarcity adds to the costs while choices are looked for. */
export interface Scarcity {
  /** Of a byte, of a device's time for an hour, of a request a second that moves. */
  memory(centre: number): number;
  busy(centre: number): number;
  readonly moving: number;
}

export const PLENTY: Scarcity = { memory: () => 0, busy: () => 0, moving: 0 };

export interface Candidate {
  readonly option: Option;
  /** Of all its shards together. */
  readonly ratePerS: number;
  /** With what scarcity adds. */
  readonly replicaCost: number;
}

/** Of a group: what one region answers of it now, or what none does. */
export interface Part {
  readonly g: number;
  readonly share: number;
  readonly ratePerS: number;
  /** By candidate; infinite where the group may not be. */
  readonly costs: readonly number[];
}

/** One candidate of the set gives what would need one more replica to the others. */
export interface Cap {
  readonly k: number;
  readonly ratePerS: number;
}

export function partsOf(
  setting: EndpointSetting,
  candidates: readonly Candidate[],
  scarcity: Scarcity,
): Part[] {
  return setting.groups.flatMap((group, g) => {
    const known = [...group.now.values()].reduce((sum, share) => sum + share, 0);
    const shares: (readonly [string | undefined, number])[] = [...group.now];
    if (known < 1 - 1e-9) shares.push([undefined, 1 - known]);
    const rates = candidates.map(({ option, replicaCost }) =>
      group.options.has(option.centre.index)
        ? rateCostOf(option, group) +
          replicaCost / option.ratePerS +
          scarcity.busy(option.centre.index) / option.rateAlonePerS
        : Number.POSITIVE_INFINITY,
    );
    const moving = MOVE_PRICE + scarcity.moving;
    return shares.map(([region, share]): Part => {
      const costs = candidates.map(
        ({ option }, k) =>
          (rates[k] as number) + (region === undefined || region === option.centre.region ? 0 : moving),
      );
      return { g, share, ratePerS: share * group.group.ratePerS, costs };
    });
  });
}

// Of a request a second that has no seat: so large that a set with room for all comes first, small enough to rank the others.
export const NO_SEAT = 1e9;

/** Every part in the cheapest of the set that has room, divided where the room ends; loads grow in place. */
export function seat(
  candidates: readonly Candidate[],
  parts: readonly Part[],
  set: readonly number[],
  cap: Cap | undefined,
  loads: Float64Array,
  seats?: Seat[],
): number {
  let cost = 0;
  for (const part of parts) {
    let rest = part.ratePerS;
    do {
      let best = -1;
      let bestCost = Number.POSITIVE_INFINITY;
      let bestRoom = 0;
      for (const k of set) {
        const its = part.costs[k] as number;
        if (its >= bestCost) continue;
        const room =
          (k === cap?.k ? cap.ratePerS : (candidates[k] as Candidate).ratePerS) - (loads[k] as number);
        if (rest > 0 && room <= 1e-9) continue;
        best = k;
        bestCost = its;
        bestRoom = room;
      }
      if (best < 0) {
        cost += (rest + 1) * NO_SEAT;
        break;
      }
      const taken = Math.min(rest, bestRoom);
      // Nobody asks yet, and it is to lie there all the same.
      loads[best] = (loads[best] as number) + Math.max(taken, 1e-12);
      cost += taken * bestCost;
      if (seats) {
        const share = part.ratePerS === 0 ? part.share : (part.share * taken) / part.ratePerS;
        seats.push({ g: part.g, centre: (candidates[best] as Candidate).option.centre.index, share });
      }
      rest -= taken;
    } while (rest > 1e-9);
  }
  return cost;
}

/** Undefined where the set has no room for all. */
export function seated(
  candidates: readonly Candidate[],
  parts: readonly Part[],
  { set, cap }: { readonly set: readonly number[]; readonly cap?: Cap | undefined },
): Seat[] | undefined {
  const seats: Seat[] = [];
  const cost = seat(candidates, parts, set, cap, new Float64Array(candidates.length), seats);
  return cost < NO_SEAT ? seats : undefined;
}

/** Requests a second in each centre; none in those of the set where nobody sits. */
export function loadsFrom(
  { groups }: EndpointSetting,
  candidates: readonly Candidate[],
  set: readonly number[],
  seats: readonly Seat[],
): Map<number, number> {
  const loads = new Map<number, number>();
  for (const { g, centre, share } of seats) {
    const { ratePerS } = (groups[g] as GroupSetting).group;
    loads.set(centre, (loads.get(centre) ?? 0) + share * ratePerS);
  }
  for (const k of set) {
    const { index } = (candidates[k] as Candidate).option.centre;
    if (!loads.has(index)) loads.set(index, 0);
  }
  return loads;
}

/**
 * With the replicas that these need, which may be so many times `busier` than what is planned. Undefined where the centres have too few shards for
 * what is to survive.
 */
export function allocated(
  setting: EndpointSetting,
  candidates: readonly Candidate[],
  set: readonly number[],
  seats: readonly Seat[],
  busier = 1,
): Choice | undefined {
  const loads = loadsFrom(setting, candidates, set, seats);
  const replicas =
    busier === 1
      ? replicasFor(setting, loads)
      : replicasFor(
          { ...setting, ratePerS: setting.ratePerS / busier },
          new Map([...loads].map(([centre, load]) => [centre, load / busier])),
        );
  if ('constraint' in replicas) return undefined;
  return new Seated(setting, replicas, seats, loads);
}
