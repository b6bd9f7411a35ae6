// What one shard will hold: which versions, and whether one more fits into its memory.
import type { Digest } from '../../contracts/names.js';
import { murmur3 } from '../mesh/murmur3.js';
import {
  MEMORY_SHARE_MAX,
  type PlacedVersion,
  type ShardView,
  type MemoryOf,
} from '../mesh/placement/shard-view.js';

/** What one shard will hold. */
export class Holding {
  /** What rendezvous knows it by. */
  readonly hash: number;
  private readonly versions = new Map<Digest, PlacedVersion>();
  private bytes = 0;

  constructor(
    readonly shard: ShardView,
    private readonly memoryOf: MemoryOf,
  ) {
    this.hash = murmur3(shard.id);
  }

  get count(): number {
    return this.versions.size;
  }

  has(version: Digest): boolean {
    return this.versions.has(version);
  }

  add({ model, version }: PlacedVersion): void {
    this.versions.set(version, { model, version });
    this.bytes += this.memoryOf(version) ?? 0;
  }

  hasRoomFor(version: Digest): boolean {
    const { device } = this.shard;
    if (device === undefined) return true;
    const bytes = this.bytes + (this.memoryOf(version) ?? 0);
    return bytes <= device.memoryBytes * MEMORY_SHARE_MAX;
  }

  list(): PlacedVersion[] {
    return [...this.versions.values()].sort((a, b) => (a.version < b.version ? -1 : 1));
  }
}
