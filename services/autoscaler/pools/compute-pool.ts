// What a place is that shards can be started in. The keeper of pools asks for nodes by name and gives them back by name; how a node
// comes about (a process here, a job on a cluster, a server in a cloud) is the pool's own affair.

export interface PoolShape {
  readonly name: string;
  readonly kind: 'process' | 'slurm' | 'kubernetes' | 'webhook';
  readonly region: string;
  /** Of one node. */
  readonly device: { readonly kind: string; readonly memoryBytes?: number };
  readonly nodesMax: number;
  /** Of one node, in whatever money the operator counts. */
  readonly pricePerHour?: number;
}

export interface ComputePool {
  readonly shape: PoolShape;
  /** Names of all that exist or are on their way, as the pool has it. */
  nodes(): Promise<readonly string[]>;
  /** Asked twice for the same name it starts one. The node's shard host has this name as its instance. */
  grow(name: string): Promise<void>;
  /** Of one that is gone already it is no news. Ends it, whatever it does: the keeper has drained it before. */
  release(name: string): Promise<void>;
  /** Ends all. */
  close(): Promise<void>;
}
