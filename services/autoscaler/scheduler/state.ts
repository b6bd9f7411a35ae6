// What the schedule is made from, and what it comes to: plain values, so that the decision can be tested and replayed.
import type { DeviceNeeds } from '../../../contracts/job-terms.js';
import type { JobKind, PoolDevice } from '../../../contracts/scheduling.js';

export interface PoolState {
  readonly name: string;
  readonly region: string;
  readonly device: PoolDevice;
  readonly nodesMax: number;
  readonly pricePerHour: number;
  /** From asking to hearing, as it was lately, or as long as the oldest one has waited; undefined: not known. */
  readonly startMs: number | undefined;
  /** False while it has trouble: what it has it keeps, and nothing new is asked of it. */
  readonly open: boolean;
  /** Nodes that serve or are on their way to it, those that leave aside. */
  readonly shards: number;
  /** Jobs have nodes here, too. */
  readonly takesJobs: boolean;
}

/** A shard that is there without a pool; nobody pays for it by the hour here. */
export interface FixedShard {
  readonly region: string;
  readonly device: PoolDevice;
}

export interface ServingDemand {
  readonly endpoint: string;
  readonly region: string;
  readonly replicas: number;
  readonly tenant: string;
  readonly priority: number;
  readonly needs: DeviceNeeds;
  readonly budgetPerHour?: number | undefined;
  readonly startMsMax?: number | undefined;
}

export interface JobDemand {
  readonly id: string;
  readonly kind: JobKind;
  readonly tenant: string;
  readonly priority: number;
  readonly needs: DeviceNeeds;
  /** The pool that it has a node of. */
  readonly pool?: string | undefined;
  /** Since it was placed, and since it waits. */
  readonly ranMs: number;
  readonly waitedMs: number;
}

export interface SchedulerState {
  readonly pools: readonly PoolState[];
  readonly fixed: readonly FixedShard[];
  readonly serving: readonly ServingDemand[];
  readonly jobs: readonly JobDemand[];
  /** Most that all nodes together may cost an hour. */
  readonly budgetPerHour?: number | undefined;
}

export interface Placed {
  readonly id: string;
  readonly pool: string;
  readonly why: string;
}

export interface Schedule {
  /** Shards that each pool should have. */
  readonly shards: Readonly<Record<string, number>>;
  readonly jobs: readonly Placed[];
  readonly waiting: readonly { readonly id: string; readonly why: string }[];
  /** Jobs that give their place away now; they wait, or have another place. */
  readonly preempted: readonly Placed[];
  readonly short: readonly {
    readonly endpoint: string;
    readonly region: string;
    readonly missing: number;
    readonly why: string;
  }[];
  readonly perHour: number;
}

export const satisfies = (device: PoolDevice, needs: DeviceNeeds): boolean =>
  (needs.kind === undefined || device.kind === needs.kind) &&
  (needs.models === undefined || (device.model !== undefined && needs.models.includes(device.model))) &&
  // A pool that does not say how much memory its nodes have does not promise any.
  (needs.memoryBytes === undefined || (device.memoryBytes ?? 0) >= needs.memoryBytes) &&
  (needs.count === undefined || device.count >= needs.count);

/** Cheapest first; where that says nothing, who is there sooner. */
export const byPrice = (a: PoolState, b: PoolState): number =>
  a.pricePerHour - b.pricePerHour ||
  (a.startMs ?? 0) - (b.startMs ?? 0) ||
  (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** Pools whose nodes an endpoint can use, cheapest first. */
export const poolsFor = (
  { region, needs, startMsMax }: Pick<ServingDemand, 'region' | 'needs' | 'startMsMax'>,
  pools: readonly PoolState[],
): PoolState[] =>
  pools
    .filter(
      (pool) =>
        pool.region === region &&
        satisfies(pool.device, needs) &&
        (startMsMax === undefined || (pool.startMs ?? 0) <= startMsMax),
    )
    .toSorted(byPrice);
