// What one shard will hold: which versions, and whether one more fits into its memory.
import type { Digest } from '../../contracts/names.js';
import { murmur3 } from '../mesh/murmur3.js';
import {
  MEMORY_SHARE_MAX,
  type PlacedVersion,
  type ShardView,
  type MemoryOf,
} from '../mesh/placement/shard-view.js';

/** What one shard will hold: what stays without a look, and what is added. */
export class Holding {
  /** What rendezvous knows it by. */
  readonly hash: number;
  private readonly added = new Map<Digest, PlacedVersion>();
  private addedBytes = 0;
  private restBytes: number | undefined;

  constructor(
    readonly shard: ShardView,
    private readonly memoryOf: MemoryOf,
    private readonly rest: readonly PlacedVersion[] = [],
  ) {
    this.hash = murmur3(shard.id);
  }

  /** How many stay without a look. */
  get staying(): number {
    return this.rest.length;
  }

  get count(): number {
    return this.rest.length + this.added.size;
  }

  /** Of those that are looked at. */
  has(version: Digest): boolean {
    return this.added.has(version);
  }

  add({ model, version }: PlacedVersion): void {
    this.added.set(version, { model, version });
    this.addedBytes += this.memoryOf(version) ?? 0;
  }

  hasRoomFor(version: Digest): boolean {
    const { device } = this.shard;
    if (device === undefined) return true;
    this.restBytes ??= this.rest.reduce((sum, one) => sum + (this.memoryOf(one.version) ?? 0), 0);
    const bytes = this.restBytes + this.addedBytes + (this.memoryOf(version) ?? 0);
    return bytes <= device.memoryBytes * MEMORY_SHARE_MAX;
  }

  list(): PlacedVersion[] {
    return [...this.rest, ...this.added.values()];
  }
}
