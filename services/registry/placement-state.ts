// The placement bucket as the placer reads it: one record a shard, and the highest epoch that ever wrote one.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { PlacementRecord } from '../../contracts/registry.js';
import type { Log } from '../mesh/log.js';
import type { BucketState, LogEntry } from '../mesh/bucket-log.js';
import type { PlacedVersion } from '../mesh/placement/shard-view.js';

export class PlacementState implements BucketState {
  private readonly byKey = new Map<string, PlacementRecord>();

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.byKey.delete(key);
    if (value === undefined) return;
    const parsed = PlacementRecord.safeParse(value);
    if (parsed.success) this.byKey.set(key, parsed.data);
    else this.log.error('placement.unreadable', { key, revision });
  }

  reset(): void {
    this.byKey.clear();
  }

  records(): PlacementRecord[] {
    return [...this.byKey.values()];
  }

  of(shard: string): PlacementRecord | undefined {
    return this.byKey.get(keys.placement(shard));
  }

  placements(): Map<string, readonly PlacedVersion[]> {
    return new Map(this.records().map(({ shard, versions }) => [shard, versions]));
  }

  /** Throws LEASE_LOST when a later leader has written: whoever placed with this epoch is not the placer any more. */
  fence(epoch: number): void {
    const latest = this.records().reduce((highest, record) => Math.max(highest, record.epoch), 0);
    if (latest > epoch)
      throw failure('LEASE_LOST', `Epoch ${latest} places by now, this is ${epoch}.`, { epoch, latest });
  }
}
