// What a place is that shards and jobs can be started in. The keeper of a pool asks for nodes by name and gives them back by name; how
// a node comes about (a process here, a job on a cluster, a server in a cloud) is the pool's own affair.
import type { JobKind, PoolDevice } from '../../../contracts/scheduling.js';

export interface PoolShape {
  readonly name: string;
  readonly kind: 'process' | 'slurm' | 'kubernetes' | 'webhook';
  readonly region: string;
  /** Of one node. */
  readonly device: PoolDevice;
  readonly nodesMax: number;
  /** Of one node, in whatever money the operator counts. */
  readonly pricePerHour: number;
  /** Trainings and compressions have nodes here, too. */
  readonly takesJobs: boolean;
}

export interface PoolNode {
  readonly name: string;
  /**
   * `queued`: it will come when there is room, and not hearing it is no news. `ending`: it will be taken away soon, whatever we do
   * (its time is up, its machine is to be repaired), so another should take its place.
   */
  readonly state: 'queued' | 'there' | 'ending';
}

/** A training or a compression that a node is for; a node without one is a shard host. */
export interface NodeJob {
  readonly id: string;
  readonly kind: JobKind;
}

export interface ComputePool {
  readonly shape: PoolShape;
  /** All that exist or are on their way, as the pool has it. */
  nodes(): Promise<readonly PoolNode[]>;
  /** Asked twice for the same name it starts one. The node's process has this name as its instance. */
  grow(name: string, job?: NodeJob): Promise<void>;
  /** Of one that is gone already it is no news. Asks it to end, and sees to it: shards were drained before, jobs save what they have. */
  release(name: string): Promise<void>;
  /** Ends all. */
  close(): Promise<void>;
}

export const shardNode = (pool: Pick<PoolShape, 'name' | 'region'>, epoch: number, n: number): string =>
  `${shardsOf(pool)}${epoch}-${n}`;

/** One job has one name in a pool, whoever leads: it is never started twice. */
export const jobNode = ({ name }: Pick<PoolShape, 'name'>, job: string): string =>
  `${jobsOf({ name })}${job}`;

export const jobOfNode = (pool: Pick<PoolShape, 'name'>, node: string): string | undefined =>
  node.startsWith(jobsOf(pool)) ? node.slice(jobsOf(pool).length) : undefined;

/** Others may live at the same address, or on the same cluster. */
export const isNodeOf = (pool: Pick<PoolShape, 'name' | 'region'>, node: string): boolean =>
  node.startsWith(shardsOf(pool)) || node.startsWith(jobsOf(pool));

const shardsOf = ({ name, region }: Pick<PoolShape, 'name' | 'region'>): string => `pool-${region}-${name}-`;
const jobsOf = ({ name }: Pick<PoolShape, 'name'>): string => `job-${name}-`;
