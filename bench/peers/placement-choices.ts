// An endpoint's own part of the decomposition, solved exactly: which replicas it would choose at given prices, and all that cost it
// little more. How much of each group a centre answers is whatever is cheapest then; that replicas may be given no more than their rate
// is kept by all of them together, not by each, which only lowers the bound.
import { leftOutCost, MOVE_PRICE, rateCostOf } from '../../services/mesh/placement/objective.js';
import { domainOf, type EndpointSetting, type Option } from '../../services/mesh/placement/setting.js';

/** How many replicas lie in which of the endpoint's options, by position. None: it is left out. */
export interface Choice {
  readonly counts: Uint8Array;
  readonly at: readonly number[];
}

interface Group {
  readonly ratePerS: number;
  /** Of all its requests, by option; infinite where it may not be answered. */
  readonly costs: readonly number[];
  readonly busy: readonly number[];
  /** Which share the option's region answers now. */
  readonly was: readonly number[];
  readonly wasAll: number;
  readonly region: readonly number[];
}

/** What all groups cost in each option at the prices of the moment. */
export interface Quote {
  readonly costs: readonly (readonly number[])[];
  readonly movePrice: number;
}

/** Told of each share: so much of the group in this option, so much of it stays in its region. */
type Seen = (option: number, share: number, stays: number) => void;

const SLACK = 1 - 1e-6;

export class EndpointPart {
  readonly options: readonly Option[];
  readonly mostCounts: readonly number[];
  private readonly out: number;
  private readonly groups: readonly Group[];
  private readonly domains: readonly number[];

  constructor(private readonly setting: EndpointSetting) {
    const { options, groups, ratePerS, endpoint } = setting;
    this.options = [...options.values()];
    this.out = leftOutCost(setting);
    // More than all users need in one place helps nobody.
    this.mostCounts = this.options.map((one) =>
      Math.min(one.shards, Math.max(1, Math.ceil((ratePerS / one.ratePerS) * SLACK))),
    );
    const names = this.options.map(({ centre }) => domainOf(endpoint, centre));
    this.domains = names.map((name) => names.indexOf(name));
    const regions = this.options.map(({ centre }) => centre.region);
    this.groups = groups.map((one) => ({
      region: regions.map((name) => regions.indexOf(name)),
      ratePerS: one.group.ratePerS,
      costs: this.options.map((option) =>
        one.options.has(option.centre.index)
          ? one.group.ratePerS * rateCostOf(option, one)
          : Number.POSITIVE_INFINITY,
      ),
      busy: this.options.map((option) => one.group.ratePerS / option.rateAlonePerS),
      was: this.options.map(({ centre }) => Math.min(1, one.now.get(centre.region) ?? 0)),
      wasAll: [...one.now.values()].reduce((sum, was) => sum + was, 0),
    }));
  }

  /** `busyPrices`: by centre; `movePrice`: what it is worth that one request a second stays, above what it costs anyway. */
  quote(busyPrices: ArrayLike<number>, movePrice: number): Quote {
    const prices = this.options.map(({ centre }) => busyPrices[centre.index] ?? 0);
    const costs = this.groups.map(({ costs: own, busy }) =>
      own.map((cost, k) => cost + (prices[k] as number) * (busy[k] as number)),
    );
    return { costs, movePrice: MOVE_PRICE + movePrice };
  }

  /** `replicaPrices`: what a replica costs in each option besides its own price. */
  costOf({ counts, at }: Choice, replicaPrices: ArrayLike<number>, quote: Quote): number {
    if (at.length === 0) return this.out;
    let sum = 0;
    for (const k of at)
      sum += (counts[k] as number) * ((this.options[k] as Option).replicaCost + (replicaPrices[k] as number));
    return sum + this.groupsCost(at, quote);
  }

  /** What the choice asks for: busy time by centre, and requests a second that move. */
  usedBy({ at }: Choice, quote: Quote, busy: (centre: number, amount: number) => void): number {
    if (at.length === 0) return 0;
    return this.groups.reduce((moved, group, g) => {
      let kept = 0;
      divided(group, at, quote.costs[g] as readonly number[], quote.movePrice, (k, share, stays) => {
        busy((this.options[k] as Option).centre.index, share * (group.busy[k] as number));
        kept += stays;
      });
      return moved + group.ratePerS * (group.wasAll - kept);
    }, 0);
  }

  /** All choices that cost at most so much more than the cheapest. */
  within(regret: number, replicaPrices: ArrayLike<number>, quote: Quote): Choice[] {
    const { options, mostCounts } = this;
    const counts = new Uint8Array(options.length);
    let least = this.out;
    const found: { choice: Choice; cost: number }[] = [
      { choice: { counts: counts.slice(), at: [] }, cost: this.out },
    ];
    const look = (k: number, sum: number): void => {
      const open = options.flatMap((_, j) => (j >= k || counts[j] ? j : []));
      const cost = sum + this.groupsCost(open, quote);
      if (cost > least + regret) return;
      if (k < options.length) {
        const each = (options[k] as Option).replicaCost + (replicaPrices[k] as number);
        for (let count = 0; count <= (mostCounts[k] as number); count++) {
          counts[k] = count;
          look(k + 1, sum + count * each);
        }
        counts[k] = 0;
      } else if (this.isEnough(counts)) {
        least = Math.min(least, cost);
        found.push({ choice: { counts: counts.slice(), at: open }, cost });
      }
    };
    look(0, 0);
    return found.filter(({ cost }) => cost <= least + regret).map(({ choice }) => choice);
  }

  private groupsCost(at: readonly number[], { costs, movePrice }: Quote): number {
    let sum = 0;
    for (let g = 0; g < costs.length; g++)
      sum += divided(this.groups[g] as Group, at, costs[g] as readonly number[], movePrice);
    return sum;
  }

  /** For all users, in enough domains, and for those who must be answered when any one of them is lost. */
  private isEnough(counts: Uint8Array): boolean {
    const { spread } = this.setting.endpoint;
    const { ratePerS } = this.setting;
    const emergency = new Map<number, number>();
    let rate = 0;
    let emergencyRate = 0;
    for (const [k, option] of this.options.entries()) {
      const count = counts[k] as number;
      if (count === 0) continue;
      const domain = this.domains[k] as number;
      rate += count * option.ratePerS;
      emergencyRate += count * option.rateMaxPerS;
      emergency.set(domain, (emergency.get(domain) ?? 0) + count * option.rateMaxPerS);
    }
    if (rate < ratePerS * SLACK || emergency.size < spread.domains) return false;
    const needed = spread.survives * ratePerS * SLACK;
    return needed <= 0 || [...emergency.values()].every((lost) => emergencyRate - lost >= needed);
  }
}

/** What a group costs that is answered in these options alone, divided as is cheapest. */
function divided(
  group: Group,
  at: readonly number[],
  costs: readonly number[],
  movePrice: number,
  seen?: Seen,
): number {
  if (group.wasAll > 0) return dividedByRegion(group, at, costs, movePrice * group.ratePerS, seen);
  let cheapest = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const k of at)
    if ((costs[k] as number) < least) {
      cheapest = k;
      least = costs[k] as number;
    }
  if (cheapest >= 0) seen?.(cheapest, 1, 0);
  return least;
}

/** As many as a region answers now are cheaper there by what moving them costs: cheapest first. */
function dividedByRegion(
  { was, wasAll, region }: Group,
  at: readonly number[],
  costs: readonly number[],
  movePrice: number,
  seen?: Seen,
): number {
  const cheapest = new Map<number, number>();
  for (const k of at) {
    const known = cheapest.get(region[k] as number);
    if (known === undefined || (costs[k] as number) < (costs[known] as number))
      cheapest.set(region[k] as number, k);
  }
  const parts: (readonly [cost: number, share: number, option: number, stays: boolean])[] = [];
  for (const k of cheapest.values()) {
    const cost = costs[k] as number;
    if (cost === Number.POSITIVE_INFINITY) continue;
    parts.push([cost, 1, k, false]);
    if ((was[k] as number) > 0) parts.push([cost - movePrice, was[k] as number, k, true]);
  }
  parts.sort(([a], [b]) => a - b);
  let left = 1;
  let sum = movePrice * wasAll;
  for (const [cost, most, k, stays] of parts) {
    const share = Math.min(left, most);
    sum += cost * share;
    seen?.(k, share, stays ? share : 0);
    left -= share;
    if (left <= 0) return sum;
  }
  return Number.POSITIVE_INFINITY;
}
