// Follows the records that say, part by part, which versions this shard is to hold. A record of an older epoch comes from a placer that
// was replaced and is ignored; a record that is gone says nothing: replicas leave when they are placed elsewhere, not when a bucket is
// lost.
import { keys } from '../../contracts/buckets.js';
import { PlacementRecord } from '../../contracts/registry.js';
import type { Log } from '../mesh/log.js';
import type { BucketEntry } from '../mesh/watch-bucket.js';

export class PlacementWatch {
  private epoch = -1;

  constructor(
    private readonly shard: string,
    private readonly log: Log,
    private readonly place: (part: string, versions: PlacementRecord['versions']) => void,
  ) {}

  readonly take = ({ key, value, revision }: BucketEntry): void => {
    if (!key.startsWith(keys.placement(this.shard, '')) || value === undefined) return;
    const record = this.read(value);
    if (record === undefined) {
      this.log.error('placement.unreadable', { key, revision });
    } else if (record.epoch < this.epoch) {
      this.log.warn('placement.outdated', { epoch: record.epoch, seen: this.epoch });
    } else {
      const { epoch, part, versions } = record;
      this.epoch = epoch;
      this.log.info('placement.taken', { epoch, part, versions: versions.length });
      this.place(part, versions);
    }
  };

  private read(value: Uint8Array): PlacementRecord | undefined {
    try {
      return PlacementRecord.safeParse(JSON.parse(Buffer.from(value).toString('utf8'))).data;
    } catch {
      return undefined;
    }
  }
}
