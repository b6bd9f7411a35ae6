// How many replicas the autoscaler wants of each scaled endpoint, followed in its bucket; the placer asks.
import { buckets } from '../../contracts/buckets.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { WantedRecord } from '../../contracts/scaling.js';
import type { Bus } from '../mesh/bus.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../mesh/watch-bucket.js';

const decoder = new TextDecoder();
/** Words of the autoscaler that are remembered one by one; who has missed more looks at all. */
const LATELY_MAX = 32;

export class Scaled {
  /** By endpoint. */
  private readonly records = new Map<string, WantedRecord>();
  private readonly nameOf = new Map<string, string>();
  private readonly awake = new Set<string>();
  /** The last words, with the revision that each brought. */
  private readonly lately: { readonly revision: number; readonly endpoint: string }[] = [];
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

  /** Endpoints of which there was a word after this revision; undefined: too many to name. */
  changedSince(revision: number): ReadonlySet<string> | undefined {
    const fresh = this.lately.filter((word) => word.revision > revision);
    return fresh.length === this.revision - revision
      ? new Set(fresh.map(({ endpoint }) => endpoint))
      : undefined;
  }

  /** Undefined where no autoscaler decides, or none has yet and the policy does not say what to begin with. */
  replicasOf({ name, scaling }: EndpointRecord, region: string): number | undefined {
    if (!scaling || scaling.dryRun) return undefined;
    return this.records.get(name)?.regions[region] ?? scaling.initialReplicas;
  }

  private take({ key, value }: BucketEntry): void {
    const parsed = value && WantedRecord.safeParse(JSON.parse(decoder.decode(value)));
    const known = this.nameOf.get(key);
    if (!value && known !== undefined) this.forget(key, known);
    else if (parsed?.success) this.enter(key, parsed.data);
    this.revision++;
    const endpoint = parsed?.data?.endpoint ?? known;
    if (endpoint !== undefined) this.lately.push({ revision: this.revision, endpoint });
    if (this.lately.length > LATELY_MAX) this.lately.shift();
    this.told();
  }

  private enter(key: string, record: WantedRecord): void {
    const { endpoint, regions } = record;
    this.nameOf.set(key, endpoint);
    this.records.set(endpoint, record);
    if (Object.values(regions).some((replicas) => replicas > 0)) this.awake.add(endpoint);
    else this.awake.delete(endpoint);
  }

  private forget(key: string, endpoint: string): void {
    this.nameOf.delete(key);
    this.records.delete(endpoint);
    this.awake.delete(endpoint);
  }
}
