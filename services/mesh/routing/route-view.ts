// The live table that requests are routed by: endpoints from the catalog, replicas from heartbeats, load and trouble from our own
// requests. It outlives every connection, and an error never empties it. Router, gateway and client each have one.
import type { Sequence } from '../../../contracts/body-parameters.js';
import { buckets } from '../../../contracts/buckets.js';
import { BeatChanges, Heartbeat } from '../../../contracts/heartbeat.js';
import type { Digest } from '../../../contracts/names.js';
import { PipelineRecord } from '../../../contracts/pipeline.js';
import { EndpointRecord } from '../../../contracts/registry.js';
import { wildcards } from '../../../contracts/subjects.js';
import type { RoutedEndpoint } from './arm-choice.js';
import { Breakers } from '../breaker.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import { Journey } from './journey.js';
import { KnownRecords } from '../known-records.js';
import { type Log, silentLog } from '../log.js';
import type { OrderBook } from '../trust/order-book.js';
import { underOrders } from './orders-applied.js';
import type { Random } from '../random.js';
import type { Flight, ReplicaEntry } from './replica-entry.js';
import { type Decision, route, type RouteRequest, type RouteTable } from './route.js';
import { routePipeline } from './route-pipeline.js';
import { SequenceSeats } from './sequence-seats.js';
import type { DistanceMs } from './spill.js';
import type { ShardPlace } from '../placement/why-nowhere.js';
import { ShardTable } from './shard-table.js';
import { type BucketEntry, watchBucket, type WatchOptions } from '../watch-bucket.js';
import { watchMirror } from '../watch-mirror.js';

export interface RouteViewOptions {
  /** Own region first. */
  readonly buses: readonly [Bus, ...Bus[]];
  /** Where the catalog is written. Known, the view hears of changes from there too, and is current the moment it comes back. */
  readonly homeRegion?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  /** Orders of safety that overrule the catalog; whoever gives the book follows them. */
  readonly orders?: OrderBook;
  /** Round trip to another region; all are as far when not given. */
  readonly distanceMs?: DistanceMs;
}

// Freshness is a matter of 1,750 ms; a tenth of a second more or less does not count, and a pass over 10,000 replicas does.
const SWEEP_MS = 100;

export class RouteView implements RouteTable {
  readonly region: string;
  readonly distanceMs: DistanceMs;
  /** What Consul says of shards that are silent: false lets the view forget one at once. */
  isAlive: ((shard: string) => boolean | undefined) | undefined;
  private readonly endpoints: KnownRecords<RoutedEndpoint>;
  private readonly pipelines: KnownRecords<PipelineRecord>;
  private readonly shards: ShardTable;
  private readonly breakers: Breakers;
  private readonly ended = new AbortController();
  private readonly listed: Promise<void>;
  private readonly usableCalls = new Set<() => void>();
  private readonly stops: (() => void)[] = [];
  private readonly seats = new SequenceSeats();
  private loadedOnce = false;

  constructor(private readonly options: RouteViewOptions) {
    const { buses, clock, random, orders } = options;
    this.region = buses[0].region;
    this.distanceMs = options.distanceMs ?? (() => 0);
    this.breakers = new Breakers(clock, random, { closed: () => this.wake() });
    const endpoints = new KnownRecords<RoutedEndpoint>(buses.length, 'endpoint.', EndpointRecord, {
      shown: orders && ((record) => underOrders(record, orders)),
      isOlder: ofEarlierEpoch,
    });
    this.endpoints = endpoints;
    this.pipelines = new KnownRecords(buses.length, 'pipeline.', PipelineRecord);
    this.shards = new ShardTable({
      regions: buses.map((bus) => bus.region),
      breakers: this.breakers,
      onUsable: () => this.wake(),
      isWithheld: (shard) => orders?.shard(shard) !== undefined,
    });
    if (orders)
      this.stops.push(
        orders.onChange(() => {
          endpoints.refresh();
          this.shards.review();
        }),
      );
    this.listed = Promise.any(buses.map((bus, link) => this.join(bus, link)));
    this.stops.push(clock.every(SWEEP_MS, () => this.shards.sweep(clock.monotonicMs(), this.isAlive)));
  }

  /** The endpoints are known. Replicas follow with their shards' next heartbeat; until then requests wait inside their deadline. */
  ready(): Promise<void> {
    return this.listed;
  }

  /** Whether the endpoints were ever known: before that, none is unknown. */
  get loaded(): boolean {
    return this.loadedOnce;
  }

  endpoint(name: string): RoutedEndpoint | undefined {
    return this.endpoints.get(name);
  }

  allEndpoints(): RoutedEndpoint[] {
    return this.endpoints.all();
  }

  pipeline(name: string): PipelineRecord | undefined {
    return this.pipelines.get(name);
  }

  allPipelines(): PipelineRecord[] {
    return this.pipelines.all();
  }

  /** Whether callers can ask for it, as a model or as a graph of models. */
  serves(name: string): boolean {
    return this.endpoint(name) !== undefined || this.pipeline(name) !== undefined;
  }

  /** Whether it keeps the state of sequences; elsewhere a sequence is a parameter like any other. */
  keepsState(name: string): boolean {
    return (this.endpoint(name) ?? this.pipeline(name))?.stateful === true;
  }

  /** For calls that bring no deadline of their own. */
  timeoutMs(name: string): number | undefined {
    return (this.endpoint(name) ?? this.pipeline(name))?.timeoutMs;
  }

  replicas(version: Digest): readonly ReplicaEntry[] {
    return this.shards.replicas(version);
  }

  replica(id: string): ReplicaEntry | undefined {
    return this.shards.replica(id);
  }

  places(): Iterable<ShardPlace> {
    return this.shards.places();
  }

  shardNames(): string[] {
    return this.shards.shardNames();
  }

  seat(endpoint: string, sequence: string): string | undefined {
    return this.seats.get(endpoint, sequence);
  }

  /** A step was answered: the next one goes there. */
  seated(endpoint: string, sequence: Sequence, replica: string): void {
    this.seats.seen(endpoint, sequence, replica);
    if (sequence.start) this.replica(replica)?.seated();
  }

  route(request: RouteRequest, withReasons = false): Decision {
    const nowMs = this.options.clock.monotonicMs();
    const one = (asked: RouteRequest) => route(this, { nowMs, ...asked }, this.options.random, withReasons);
    const pipeline = this.pipelines.get(request.endpoint);
    return pipeline ? routePipeline(pipeline, request, one) : one(request);
  }

  /** Index of the connection a request to this replica takes; -1 while all are down. */
  linkFor(replica: ReplicaEntry, avoid?: number): number {
    return this.shards.linkFor(replica, avoid);
  }

  /**
   * Counts a request that is about to go out; undefined when the replica's breaker lets none through. `onLost` tells that no answer
   * will come; who began must end the flight, then too.
   */
  begin(replica: ReplicaEntry, link: number, onLost: (flight: Flight) => void): Flight | undefined {
    return replica.begin(link, this.options.clock.monotonicMs(), onLost);
  }

  /**
   * The same for a whole decision: one flight, or one for each step of a pipeline. `onLost` gets the number of the step (0 for an
   * endpoint). When a breaker lets none through, the replica that it guards.
   */
  setOut(
    { replica, steps }: Decision & { kind: 'replica' },
    link: number,
    onLost: (step: number) => void,
  ): Flight | Journey | { readonly blocked: string } {
    const begin = (id: string, step: number) => {
      const entry = this.replica(id);
      return entry && this.begin(entry, link, () => onLost(step));
    };
    if (steps) return Journey.begin(steps, begin);
    return begin(replica.id, 0) ?? { blocked: replica.id };
  }

  /** Calls whenever a replica can be reached that could not before, or a connection is back; returns the end of that. */
  onUsable(call: () => void): () => void {
    this.usableCalls.add(call);
    return () => void this.usableCalls.delete(call);
  }

  close(): void {
    this.ended.abort();
    for (const stop of this.stops) stop();
    this.shards.close();
    this.breakers.close();
  }

  private join(bus: Bus, link: number): Promise<void> {
    const { clock, log = silentLog } = this.options;
    this.shards.connected(link, bus.connected(), clock.monotonicMs());
    this.stops.push(
      bus.onStatus((state) => {
        this.shards.connected(link, state === 'connected', clock.monotonicMs());
        if (state === 'connected') this.wake();
      }),
    );
    this.listen(bus, wildcards.heartbeats(), (said, nowMs) =>
      this.shards.heard(link, Heartbeat.parse(said), nowMs),
    );
    this.listen(bus, wildcards.changes(), (said, nowMs) =>
      this.shards.changed(link, BeatChanges.parse(said), nowMs),
    );
    const take = (entry: BucketEntry) => {
      if (!this.endpoints.take(link, entry) || !this.pipelines.take(link, entry))
        log.warn('catalog.entry.unreadable', { key: entry.key });
    };
    return this.follow(bus, take, { clock, log }).then(() => {
      this.loadedOnce = true;
      this.wake();
    });
  }

  private follow(bus: Bus, take: (entry: BucketEntry) => void, options: WatchOptions): Promise<void> {
    const { signal } = this.ended;
    const { homeRegion: home } = this.options;
    if (home === undefined) return watchBucket(bus, buckets.catalog(bus.region), take, signal, options);
    return watchMirror(bus, home, buckets.catalog, take, signal, options);
  }

  private listen(bus: Bus, subject: string, hear: (said: unknown, nowMs: number) => void): void {
    const { clock, log = silentLog } = this.options;
    const heard = bus.nc.subscribe(subject, {
      callback: (failed, message) => {
        if (failed) return;
        try {
          hear(JSON.parse(decoder.decode(message.data)), clock.monotonicMs());
        } catch (error) {
          log.warn('heartbeat.unreadable', {
            message: error instanceof Error ? error.message : String(error),
          });
        }
      },
    });
    this.stops.push(() => {
      if (!bus.nc.isClosed()) heard.unsubscribe();
    });
  }

  private wake(): void {
    for (const call of this.usableCalls) call();
  }
}

/** Of the same endpoint: one that was taken away and deployed again has another salt, and its epochs begin anew. */
const ofEarlierEpoch = (record: EndpointRecord, known: EndpointRecord): boolean =>
  record.salt === known.salt && (record.epoch ?? 0) < (known.epoch ?? 0);

const decoder = new TextDecoder();
