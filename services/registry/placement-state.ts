// The placement bucket as the placer reads it: what each shard is to hold, and the highest epoch that ever wrote it.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { PlacementRecord } from '../../contracts/registry.js';
import type { Log } from '../mesh/log.js';
import type { BucketState, LogEntry } from '../mesh/bucket-log.js';
import type { PlacedVersion } from '../mesh/placement/shard-view.js';

interface Placed {
  readonly shard: string;
  readonly parts: Map<string, PlacementRecord>;
  /** Of all parts; made when somebody asks. */
  versions: readonly PlacedVersion[] | undefined;
}

const NOTHING: readonly PlacedVersion[] = [];

export class PlacementState implements BucketState {
  private readonly byKey = new Map<string, PlacementRecord>();
  private readonly byShard = new Map<string, Placed>();
  private latest = 0;

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.forget(key);
    // A build before this one wrote one record a shard.
    if (value === undefined || !key.includes('.')) return;
    const { data: record } = PlacementRecord.safeParse(value);
    if (!record) return this.log.error('placement.unreadable', { key, revision });
    this.byKey.set(key, record);
    this.latest = Math.max(this.latest, record.epoch);
    const { shard, part } = record;
    const placed = this.byShard.get(shard) ?? { shard, parts: new Map(), versions: undefined };
    placed.parts.set(part, record);
    placed.versions = undefined;
    this.byShard.set(shard, placed);
  }

  reset(): void {
    this.byKey.clear();
    this.byShard.clear();
    this.latest = 0;
  }

  /** Of the last who wrote. */
  get epoch(): number {
    return this.latest;
  }

  /** Any record; undefined in an empty bucket. */
  get any(): PlacementRecord | undefined {
    const [first] = this.byKey.values();
    return first;
  }

  of(shard: string): readonly PlacedVersion[] {
    const placed = this.byShard.get(shard);
    return placed ? versionsOf(placed) : NOTHING;
  }

  has(shard: string, part: string): boolean {
    return this.byKey.has(keys.placement(shard, part));
  }

  placements(): Map<string, readonly PlacedVersion[]> {
    return new Map([...this.byShard].map(([shard, placed]) => [shard, versionsOf(placed)]));
  }

  /** Throws LEASE_LOST when a later leader has written: whoever placed with this epoch is not the placer any more. */
  fence(epoch: number): void {
    const { latest } = this;
    if (latest > epoch)
      throw failure('LEASE_LOST', `Epoch ${latest} places by now, this is ${epoch}.`, { epoch, latest });
  }

  private forget(key: string): void {
    const record = this.byKey.get(key);
    if (!record) return;
    this.byKey.delete(key);
    const placed = this.byShard.get(record.shard);
    placed?.parts.delete(record.part);
    if (placed) placed.versions = undefined;
  }
}

function versionsOf(placed: Placed): readonly PlacedVersion[] {
  if (placed.versions) return placed.versions;
  const all: PlacedVersion[] = [];
  for (const { versions } of placed.parts.values()) all.push(...versions);
  placed.versions = all;
  return all;
}
