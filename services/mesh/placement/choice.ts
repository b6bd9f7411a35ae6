// One way in which one endpoint could be placed, or that it is left out: what it costs, and what it takes of each centre. What everything that
// plans by choices speaks of.
import { type Allocation, loadsOf, type Seat, seatsOf, type Shares } from './allocation.js';
import { costOf, leftOutCost, objectiveOf } from './objective.js';
import type { EndpointSetting, Option } from './setting.js';

export interface Choice extends Allocation {
  readonly cost: number;
  readonly movedRate: number;
  /** What it takes of each centre. Nothing where the endpoint is left out. */
  readonly uses: readonly Use[];
}

export interface Use {
  readonly centre: number;
  readonly bytes: number;
  /** In devices. */
  readonly busy: number;
}

export const isLeftOut = ({ replicas }: Allocation): boolean => replicas.size === 0;

export const costOfAll = (chosen: readonly Choice[]): number =>
  chosen.reduce((sum, { cost }) => sum + cost, 0);

export const leftOut = (setting: EndpointSetting): Choice => ({
  replicas: new Map(),
  shares: setting.groups.map(() => new Map<number, number>()),
  cost: leftOutCost(setting),
  movedRate: 0,
  uses: [],
});

export const choiceOf = (setting: EndpointSetting, allocation: Allocation): Choice =>
  new Seated(setting, allocation.replicas, seatsOf(allocation), loadsOf(setting, allocation.shares));

/** Thousands are made for a plan, and few are asked for their shares. */
export class Seated implements Choice {
  readonly cost: number;
  readonly movedRate: number;
  readonly uses: readonly Use[];
  private known: readonly Shares[] | undefined;

  constructor(
    private readonly setting: EndpointSetting,
    readonly replicas: Allocation['replicas'],
    private readonly seats: readonly Seat[],
    loads: ReadonlyMap<number, number>,
  ) {
    const cost = costOf(setting, replicas, seats, loads);
    const uses: Use[] = [];
    for (const [centre, count] of replicas)
      uses.push({
        centre,
        bytes: count * setting.endpoint.memoryBytes,
        busy: (loads.get(centre) ?? 0) / (setting.options.get(centre) as Option).rateAlonePerS,
      });
    this.uses = uses;
    this.cost = objectiveOf(cost);
    this.movedRate = cost.movedRate;
  }

  get shares(): readonly Shares[] {
    return (this.known ??= sharesOf(this.setting, this.seats));
  }
}

function sharesOf({ groups }: EndpointSetting, seats: readonly Seat[]): readonly Shares[] {
  const shares = groups.map(() => new Map<number, number>());
  for (const { g, centre, share } of seats) {
    const its = shares[g] as Map<number, number>;
    its.set(centre, (its.get(centre) ?? 0) + share);
  }
  return shares;
}
