// The endpoints of the catalog that are scaled and how large versions are, followed for as long as the process lives.
import { buckets } from '../../contracts/buckets.js';
import { EndpointRecord, VersionRecord } from '../../contracts/registry.js';
import { replicaMemory } from '../mesh/placement/replica-memory.js';
import type { Bus } from '../mesh/bus.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../mesh/watch-bucket.js';
import { ScaledEndpoints } from './scaled-endpoints.js';

const PREFIX = 'endpoint.';
const VERSIONS = 'version.';
const Size = VersionRecord.pick({ digest: true, resources: true });
const decoder = new TextDecoder();

export class EndpointsKnown {
  readonly endpoints = new ScaledEndpoints();
  private readonly names = new Map<string, string>();
  private readonly sizes = new Map<string, number>();
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

  /** What a replica takes, in bytes; undefined for a version that was not heard of. */
  memoryOf(version: string): number | undefined {
    return this.sizes.get(version);
  }

  /** Of endpoints that are looked at; one that sleeps is when somebody calls it. */
  onChange(call: () => void): void {
    this.told = call;
  }

  close(): void {
    this.ended.abort();
  }

  private take({ key, value }: BucketEntry): void {
    if (key.startsWith(VERSIONS)) return this.takeSize(key, value);
    if (!key.startsWith(PREFIX)) return;
    const parsed = value && EndpointRecord.safeParse(JSON.parse(decoder.decode(value)));
    const name = this.names.get(key);
    if (!value && name !== undefined) this.endpoints.delete(name);
    // One that cannot be read keeps its last good form.
    if (!parsed?.success) return;
    this.names.set(key, parsed.data.name);
    this.endpoints.put(parsed.data);
    if (this.endpoints.restless.has(parsed.data.name)) this.told();
  }

  private takeSize(key: string, value: Uint8Array | undefined): void {
    const digest = key.slice(key.lastIndexOf('.') + 1);
    const size = value && Size.safeParse(JSON.parse(decoder.decode(value))).data;
    if (size) this.sizes.set(size.digest, replicaMemory(size.resources));
    else this.sizes.delete(digest);
  }
}
