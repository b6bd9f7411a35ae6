// The endpoints of the catalog, followed for as long as the process lives.
import { buckets } from '../../contracts/buckets.js';
import { EndpointRecord } from '../../contracts/registry.js';
import type { Bus } from '../mesh/bus.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../mesh/watch-bucket.js';

const PREFIX = 'endpoint.';
const decoder = new TextDecoder();

export class EndpointsKnown {
  private readonly records = new Map<string, EndpointRecord>();
  private readonly ended = new AbortController();
  private told: () => void = () => undefined;

  /** Returns when they are listed. */
  static async open(
    bus: Bus,
    home: string,
    options: Pick<WatchOptions, 'clock' | 'log'>,
  ): Promise<EndpointsKnown> {
    const known = new EndpointsKnown();
    const take = (entry: BucketEntry): void => known.take(entry);
    await watchBucket(bus, buckets.catalog(home), take, known.ended.signal, options);
    return known;
  }

  all(): Iterable<EndpointRecord> {
    return this.records.values();
  }

  onChange(call: () => void): void {
    this.told = call;
  }

  close(): void {
    this.ended.abort();
  }

  private take({ key, value }: BucketEntry): void {
    if (!key.startsWith(PREFIX)) return;
    const parsed = value && EndpointRecord.safeParse(JSON.parse(decoder.decode(value)));
    // One that cannot be read keeps its last good form.
    if (!value) this.records.delete(key);
    else if (parsed?.success) this.records.set(key, parsed.data);
    this.told();
  }
}
