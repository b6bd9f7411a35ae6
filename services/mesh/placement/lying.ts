// An endpoint of a plan as it lies on the shards: its replicas shard by shard, the shares of its groups, what that costs.
import { type Allocation, loadsOf } from './allocation.js';
import { leftOutCost, movedRate, objectiveOf } from './objective.js';
import type { EndpointSetting } from './setting.js';

/** An endpoint as it lies; without replicas where it is left out. */
export interface Lying extends Allocation {
  readonly setting: EndpointSetting;
  /** By the centre's index, the shards with a replica. */
  readonly shards: ReadonlyMap<number, readonly string[]>;
  readonly cost: number;
  readonly movedRate: number;
}

export function lying(
  setting: EndpointSetting,
  shares: Allocation['shares'],
  shards: ReadonlyMap<number, readonly string[]>,
): Lying {
  const replicas = new Map([...shards].map(([centre, ids]) => [centre, ids.length]));
  const out = replicas.size === 0;
  return {
    ...{ setting, replicas, shards, shares },
    cost: out ? leftOutCost(setting) : objectiveOf(setting, { replicas, shares }),
    movedRate: out ? 0 : movedRate(setting, { shares }),
  };
}

/** What a shard of the centre is kept busy with, when all replicas there get the same. */
export function busyPerShard({ setting, shares, shards }: Lying, centre: number): number {
  const load = loadsOf(setting, shares).get(centre) ?? 0;
  return load / (shards.get(centre)?.length ?? 1) / (setting.options.get(centre)?.rateAlonePerS ?? 1);
}
