// How many replicas the autoscaler wants of each scaled endpoint, followed in its bucket; the placer asks.
import { buckets, keys } from '../../contracts/buckets.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { WantedRecord } from '../../contracts/scaling.js';
import type { Bus } from '../mesh/bus.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../mesh/watch-bucket.js';

const decoder = new TextDecoder();

export class Scaled {
  private readonly records = new Map<string, WantedRecord>();
  private readonly awake = new Set<string>();
  /** Grows with every word of the autoscaler. */
  revision = 0;

  private told: () => void = () => undefined;

  onChange(call: () => void): void {
    this.told = call;
  }

  /** Resolves once what is there is known. */
  follow(
    bus: Bus,
    home: string,
    signal: AbortSignal,
    options: Pick<WatchOptions, 'clock' | 'log'>,
  ): Promise<void> {
    return watchBucket(bus, buckets.scaling(home), (entry) => this.take(entry), signal, options);
  }

  /** Those that are to have a replica somewhere: of thousands that once had one most sleep. */
  endpoints(): Iterable<string> {
    return this.awake;
  }

  /** Undefined where no autoscaler decides, or none has yet and the policy does not say what to begin with. */
  replicasOf({ name, scaling }: EndpointRecord, region: string): number | undefined {
    if (!scaling || scaling.dryRun) return undefined;
    return this.records.get(keys.wanted(name))?.regions[region] ?? scaling.initialReplicas;
  }

  private take({ key, value }: BucketEntry): void {
    const parsed = value && WantedRecord.safeParse(JSON.parse(decoder.decode(value)));
    if (!value) this.forget(key);
    else if (parsed?.success) this.enter(key, parsed.data);
    this.revision++;
    this.told();
  }

  private enter(key: string, record: WantedRecord): void {
    this.forget(key);
    this.records.set(key, record);
    if (Object.values(record.regions).some((replicas) => replicas > 0)) this.awake.add(record.endpoint);
  }

  private forget(key: string): void {
    const before = this.records.get(key);
    if (before) this.awake.delete(before.endpoint);
    this.records.delete(key);
  }
}
