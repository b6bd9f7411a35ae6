// A shard as placing sees it, and what it will hold: which versions, and whether one more fits into its memory.
import type { ShardDevice } from '../../contracts/heartbeat.js';
import type { Digest } from '../../contracts/names.js';
import { murmur3 } from '../mesh/murmur3.js';
import { MEMORY_PER_BYTE } from '../mesh/placement/setting.js';

export interface ShardView {
  readonly id: string;
  readonly region: string;
  /** `draining` keeps what it has until it is gone and gets nothing new; `gone` is gone for good. */
  readonly state: 'open' | 'draining' | 'gone';
  /** Undefined where the shard does not say. */
  readonly device?: ShardDevice;
  /** What a request costs there, measured. */
  readonly itemMs?: ReadonlyMap<Digest, number>;
  /** What it can answer for at this moment. */
  readonly ready: ReadonlySet<Digest>;
}

export interface PlacedVersion {
  readonly model: string;
  readonly version: Digest;
}

/** Weights of a version on disk, in bytes; undefined where unknown. */
export type SizeOf = (version: Digest) => number | undefined;

/** The rest is for the host, a spare engine and the tensors of running requests. */
export const MEMORY_SHARE_MAX = 0.8;

/** What one shard will hold. */
export class Holding {
  /** What rendezvous knows it by. */
  readonly hash: number;
  private readonly versions = new Map<Digest, PlacedVersion>();
  private bytes = 0;

  constructor(
    readonly shard: ShardView,
    private readonly sizeOf: SizeOf,
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
    this.bytes += this.sizeOf(version) ?? 0;
  }

  hasRoomFor(version: Digest): boolean {
    const { device } = this.shard;
    if (device === undefined) return true;
    const bytes = this.bytes + (this.sizeOf(version) ?? 0);
    return bytes * MEMORY_PER_BYTE <= device.memoryBytes * MEMORY_SHARE_MAX;
  }

  list(): PlacedVersion[] {
    return [...this.versions.values()].sort((a, b) => (a.version < b.version ? -1 : 1));
  }
}
