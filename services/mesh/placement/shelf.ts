// A shard as packing keeps its books, and what lies on it.
import type { InventoryShard } from '../../../contracts/placement.js';

export interface Shelf {
  readonly shard: InventoryShard;
  readonly holds: ReadonlySet<string>;
  memoryLeft: number;
  busyLeft: number;
}

/** Replicas of one endpoint in one centre. Their shards may change while others are placed. */
export interface Batch {
  readonly name: string;
  readonly centre: number;
  readonly count: number;
  readonly memoryBytes: number;
  /** Of each: devices' worth, and requests a second. */
  readonly busy: number;
  readonly ratePerS: number;
  readonly pinned: ReadonlySet<string>;
  shelves: readonly Shelf[];
}
