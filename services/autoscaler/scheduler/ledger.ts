// The books of one schedule while it is made: which pool has how many shards and jobs, what that costs, and what each tenant has. The
// schedule writes into it; nobody else sees it.
import { FairShare } from './fair-share.js';
import type { PoolState, SchedulerState } from './state.js';

/** Prices are added up in floating point: a budget that is just enough is enough. */
const CENT_PART = 1e-9;

export class Ledger {
  readonly shares: FairShare;
  perHour = 0;
  private readonly shardsOf = new Map<string, number>();
  private readonly jobsOf = new Map<string, number>();

  constructor(private readonly state: SchedulerState) {
    this.shares = new FairShare(state.pools);
  }

  shards({ name }: PoolState): number {
    return this.shardsOf.get(name) ?? 0;
  }

  /** Nodes that a pool has left for shards: one in trouble keeps what it has and gets no more. */
  roomForShard(pool: PoolState): boolean {
    const jobs = this.jobsOf.get(pool.name) ?? 0;
    const most = pool.nodesMax - jobs;
    return this.shards(pool) < (pool.open ? most : Math.min(pool.shards, most));
  }

  roomForJob(pool: PoolState): boolean {
    // A node that still serves is not free, even when nobody needs it any more.
    const serving = Math.max(this.shards(pool), pool.shards);
    return pool.open && pool.takesJobs && serving + (this.jobsOf.get(pool.name) ?? 0) < pool.nodesMax;
  }

  affords(price: number): boolean {
    const { budgetPerHour } = this.state;
    return budgetPerHour === undefined || price <= 0 || this.perHour + price <= budgetPerHour + CENT_PART;
  }

  withinBudget(): boolean {
    const { budgetPerHour } = this.state;
    return budgetPerHour === undefined || this.perHour <= budgetPerHour + CENT_PART;
  }

  addShard(pool: PoolState, tenant: string): void {
    this.shardsOf.set(pool.name, this.shards(pool) + 1);
    this.shares.take(tenant, pool.device);
    this.perHour += pool.pricePerHour;
  }

  addJob(pool: PoolState, tenant: string, nodes: 1 | -1 = 1): void {
    this.jobsOf.set(pool.name, (this.jobsOf.get(pool.name) ?? 0) + nodes);
    this.shares.take(tenant, pool.device, nodes);
    this.perHour += pool.pricePerHour * nodes;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.state.pools.map((pool) => [pool.name, this.shards(pool)]));
  }
}
