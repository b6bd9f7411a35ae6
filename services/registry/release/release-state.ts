// The releases as one picture, filled by their bucket's log: one record each, and which of them goes on at which endpoint.
import { failure } from '../../../contracts/errors.js';
import { ENDED, ReleaseRecord } from '../../../contracts/release.js';
import type { Log } from '../../mesh/log.js';
import type { BucketState, LogEntry } from '../../mesh/bucket-log.js';

export class ReleaseStates implements BucketState {
  private readonly byKey = new Map<string, ReleaseRecord>();

  constructor(private readonly log: Log) {}

  apply({ key, value, revision }: LogEntry): void {
    this.byKey.delete(key);
    if (value === undefined) return;
    const parsed = ReleaseRecord.safeParse(value);
    if (parsed.success) this.byKey.set(key, parsed.data);
    else this.log.error('release.unreadable', { key, revision });
  }

  reset(): void {
    this.byKey.clear();
  }

  all(): ReleaseRecord[] {
    return [...this.byKey.values()];
  }

  find(id: string): ReleaseRecord | undefined {
    return this.all().find((record) => record.id === id);
  }

  /** Throws RELEASE_UNKNOWN. */
  get(id: string): ReleaseRecord {
    const record = this.find(id);
    if (record) return record;
    throw failure('RELEASE_UNKNOWN', `There is no release "${id}".`, { id });
  }

  active(): ReleaseRecord[] {
    return this.all().filter(({ state }) => !ENDED.has(state));
  }

  /** At most one, by the rule of the store. */
  activeAt(endpoint: string): ReleaseRecord | undefined {
    return this.active().find((record) => record.endpoint === endpoint);
  }

  /** Of an endpoint's releases, for the name of the next. */
  lastNumber(endpoint: string): number {
    const numbers = this.all()
      .filter((record) => record.endpoint === endpoint)
      .map(({ id }) => Number(id.slice(id.lastIndexOf('-') + 1)));
    return Math.max(0, ...numbers);
  }
}
