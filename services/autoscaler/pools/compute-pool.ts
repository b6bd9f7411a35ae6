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

export interface PoolNode {
  readonly name: string;
  /**
   * `queued`: it will come when there is room, and not hearing it is no news. `ending`: it will be taken away soon, whatever we do
   * (its time is up, its machine is to be repaired), so another should take its place.
   */
  readonly state: 'queued' | 'there' | 'ending';
}

export interface ComputePool {
  readonly shape: PoolShape;
  /** All that exist or are on their way, as the pool has it. */
  nodes(): Promise<readonly PoolNode[]>;
  /** Asked twice for the same name it starts one. The node's shard host has this name as its instance. */
  grow(name: string): Promise<void>;
  /** Of one that is gone already it is no news. Ends it, whatever it does: the keeper has drained it before. */
  release(name: string): Promise<void>;
  /** Ends all. */
  close(): Promise<void>;
}
