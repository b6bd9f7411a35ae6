// The bucket of wanted replicas as the autoscaler reads it: one record an endpoint, and the highest epoch that ever wrote one.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { WantedRecord } from '../../contracts/scaling.js';
import type { BucketState, LogEntry } from '../mesh/bucket-log.js';
import type { Log } from '../mesh/log.js';

export class WantedState implements BucketState {
  private readonly byKey = new Map<string, WantedRecord>();

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.byKey.delete(key);
    if (value === undefined) return;
    const parsed = WantedRecord.safeParse(value);
    if (parsed.success) this.byKey.set(key, parsed.data);
    else this.log.error('scaling.unreadable', { key, revision });
  }

  reset(): void {
    this.byKey.clear();
  }

  records(): WantedRecord[] {
    return [...this.byKey.values()];
  }

  of(endpoint: string): WantedRecord | undefined {
    return this.byKey.get(keys.wanted(endpoint));
  }

  /** Throws LEASE_LOST when a later leader has written. */
  fence(epoch: number): void {
    const latest = this.records().reduce((highest, record) => Math.max(highest, record.epoch), 0);
    if (latest > epoch)
      throw failure('LEASE_LOST', `Epoch ${latest} scales by now, this is ${epoch}.`, { epoch, latest });
  }
}
