// The bucket of wanted replicas as the autoscaler reads it: one record an endpoint, which of them
// have a replica, and the highest epoch that ever wrote one.
import { failure } from '../../contracts/errors.js';
import { WantedRecord } from '../../contracts/scaling.js';
import type { BucketState, LogEntry } from '../mesh/bucket-log.js';
import type { Log } from '../mesh/log.js';

export class WantedState implements BucketState {
  private readonly byKey = new Map<string, WantedRecord>();
  private readonly byEndpoint = new Map<string, WantedRecord>();
  private readonly up = new Set<string>();
  private latest = 0;

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.forget(key);
    if (value === undefined) return;
    const { data: record } = WantedRecord.safeParse(value);
    if (!record) return this.log.error('scaling.unreadable', { key, revision });
    this.byKey.set(key, record);
    this.byEndpoint.set(record.endpoint, record);
    this.latest = Math.max(this.latest, record.epoch);
    if (Object.values(record.regions).some((replicas) => replicas > 0)) this.up.add(record.endpoint);
  }

  reset(): void {
    this.byKey.clear();
    this.byEndpoint.clear();
    this.up.clear();
    this.latest = 0;
  }

  /** Endpoints that have a replica somewhere, or are to have one. */
  get awake(): ReadonlySet<string> {
    return this.up;
  }

  records(): WantedRecord[] {
    return [...this.byKey.values()];
  }

  of(endpoint: string): WantedRecord | undefined {
    return this.byEndpoint.get(endpoint);
  }

  /** Throws LEASE_LOST when a later leader has written. */
  fence(epoch: number): void {
    const { latest } = this;
    if (latest > epoch)
      throw failure('LEASE_LOST', `Epoch ${latest} scales by now, this is ${epoch}.`, { epoch, latest });
  }

  private forget(key: string): void {
    const before = this.byKey.get(key);
    if (!before) return;
    this.byKey.delete(key);
    this.byEndpoint.delete(before.endpoint);
    this.up.delete(before.endpoint);
  }
}
