// Looks at every scaled endpoint that is awake or called four times a second, decides, and, while it leads, writes down how many replicas are wanted. All
// autoscalers look, so that the next leader knows what the last one knew; every write carries the leader's epoch.
import { keys } from '../../contracts/buckets.js';
import { toFailure } from '../../contracts/errors.js';
import { Heartbeat, ReplicaReport } from '../../contracts/heartbeat.js';
import { z } from 'zod';
import type { EndpointRecord } from '../../contracts/registry.js';
import {
  type ScalingPolicy,
  type ScalingQuery,
  type ScalingReply,
  WaitingNotice,
  type WantedRecord,
} from '../../contracts/scaling.js';
import { StatisticsReply } from '../../contracts/statistics.js';
import { subjects, wildcards } from '../../contracts/subjects.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import { MEMORY_PER_BYTE } from '../mesh/placement/setting.js';
import { Wake } from '../mesh/wake.js';
import type { Now } from './endpoint-scaler.js';
import { EndpointScalers } from './endpoint-scalers.js';
import { type Beat, LoadBook, type Sums } from './load-book.js';
import type { MetricBook } from './metric-book.js';
import { Residency } from './residency.js';
import { mayDoze } from './sleepy.js';
import type { WantedState } from './wanted-state.js';

export interface AutoscalerParts {
  readonly instance: string;
  readonly bus: Bus;
  /** Endpoints as the catalog has them now. */
  readonly endpoints: () => Iterable<EndpointRecord>;
  /** Of a version on disk. */
  readonly bytesOf: (version: string) => number | undefined;
  /** Endpoints that may sleep and are awake in a region at once. */
  readonly residentsMax: number;
  readonly wanted: BucketLog;
  readonly state: WantedState;
  readonly metrics: MetricBook;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 250;
const LEARN_EVERY_MS = 5_000;
const ASK_MS = 1_000;
/** The placer fills a shard to 0.8: who is woken finds room before the one who makes room for it has gone. */
const MEMORY_SHARE_MAX = 0.7;
/** Of a version whose size is not known; a session of the smallest model takes some hundred kilobytes, too. */
const MODEL_BYTES_MIN = 256 * 1_024;

/** The rest of a heartbeat would be parsed in vain, twice a second for every shard. */
const BeatSchema = Heartbeat.pick({
  shard: true,
  region: true,
  pid: true,
  state: true,
  cordoned: true,
  device: true,
}).extend({
  replicas: z.array(
    ReplicaReport.pick({
      id: true,
      version: true,
      state: true,
      inFlight: true,
      served: true,
      failed: true,
      itemMs: true,
      latencyMs: true,
    }),
  ),
});

type Scaled = EndpointRecord & { readonly scaling: ScalingPolicy };

export class Autoscaler {
  private readonly book = new LoadBook();
  private readonly wake: Wake;
  private readonly scalers = new EndpointScalers();
  private readonly residencies = new Map<string, Residency>();
  private readonly closing = new AbortController();
  private epoch: number | undefined;
  private lose: (error: unknown) => void = () => undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: AutoscalerParts) {
    this.wake = new Wake(parts.clock);
  }

  start(): void {
    const { signal } = this.closing;
    const stop = this.listen();
    signal.addEventListener('abort', stop, { once: true });
    this.running = Promise.all([this.lookAgainAndAgain(signal), this.learnAgainAndAgain(signal)]);
  }

  async stop(): Promise<void> {
    this.closing.abort();
    this.parts.metrics.follow(new Set());
    await this.running;
  }

  /** An endpoint changed. */
  nudge(): void {
    this.wake.nudge();
  }

  /** Writes until the signal ends it; rejects with LEASE_LOST when a later leader has written. */
  async lead(epoch: number, signal: AbortSignal): Promise<void> {
    this.epoch = epoch;
    this.nudge();
    try {
      await new Promise<void>((resolve, reject) => {
        this.lose = reject;
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
      });
    } finally {
      this.epoch = undefined;
    }
  }

  explain({ endpoint }: ScalingQuery): ScalingReply {
    const { instance, clock } = this.parts;
    // Of all, those that are looked at; one that is asked for by name is looked at now.
    const asked = this.scaled().filter(({ name }) =>
      endpoint === undefined ? this.known(name) : name === endpoint,
    );
    const now: Now = { atMs: clock.monotonicMs(), wallMs: clock.now() };
    for (const one of asked) if (!this.known(one.name)) this.decide(one, this.book.sums(now.atMs), now);
    return {
      instance,
      leading: this.epoch !== undefined,
      endpoints: asked.map(({ name, scaling }) => ({
        endpoint: name,
        policy: scaling,
        regions: this.book.regions().flatMap((region) => this.scalers.find(name, region)?.explained ?? []),
      })),
    };
  }

  /** Shards of the region that were heard lately. */
  shards(region: string): Beat[] {
    return this.book.beats(region, this.parts.clock.monotonicMs());
  }

  /** Most replicas that any endpoint wants in the region; undefined where no shard was ever heard. */
  mostWanted(region: string): number | undefined {
    if (!this.book.regions().includes(region)) return undefined;
    return this.parts.state.records().reduce((most, { regions }) => Math.max(most, regions[region] ?? 0), 0);
  }

  private scaled(): Scaled[] {
    return [...this.parts.endpoints()].filter((one): one is Scaled => one.scaling !== undefined);
  }

  private async lookAgainAndAgain(signal: AbortSignal): Promise<void> {
    const { log } = this.parts;
    let troubled = false;
    while (!signal.aborted) {
      const mark = this.wake.mark();
      try {
        await this.look();
        troubled = false;
      } catch (error) {
        if (toFailure(error).code === 'LEASE_LOST') this.lose(error);
        else if (!troubled) log.warn('scaling.waiting', errorFields(error));
        troubled = true;
      }
      await this.wake.sleep(LOOK_EVERY_MS, mark, signal);
    }
  }

  private async look(): Promise<void> {
    const { clock, metrics, state } = this.parts;
    const now: Now = { atMs: clock.monotonicMs(), wallMs: clock.now() };
    const scaled = this.scaled();
    metrics.follow(new Set(scaled.flatMap(({ scaling }) => scaling.metric?.subject ?? [])));
    this.book.forget(now.atMs);
    const sums = this.book.sums(now.atMs);
    for (const endpoint of this.due(scaled, sums, now)) {
      const regions = this.decide(endpoint, sums, now);
      if (this.epoch !== undefined) await this.write(endpoint, regions, this.epoch, now);
    }
    const names = new Set(scaled.map(({ name }) => name));
    this.scalers.tidy(names, state.awake);
    if (this.epoch !== undefined) await this.makeRoom(scaled, this.epoch, now);
    if (this.epoch !== undefined) await this.tidy(names, this.epoch, state);
  }

  /** First those that somebody waits for. Who may doze is left out while it sleeps and nobody asks for it. */
  private due(scaled: readonly Scaled[], { waitedFor }: Sums, { atMs }: Now): Scaled[] {
    const regions = this.book.regions();
    const waking = scaled.filter(({ name }) => waitedFor.has(name));
    const others = scaled.filter((endpoint) => {
      const { name, scaling } = endpoint;
      if (waitedFor.has(name)) return false;
      if (!mayDoze(scaling) || this.parts.state.awake.has(name) || this.scalers.isDue(name, atMs))
        return true;
      return regions.some(
        (region) => livesIn(endpoint, region) && this.current(endpoint, region) === undefined,
      );
    });
    return [...waking, ...others];
  }

  private decide(endpoint: Scaled, sums: Sums, now: Now): Record<string, number> {
    const { metrics } = this.parts;
    const { name, scaling, variants } = endpoint;
    const versions = [...new Set(variants.map(({ version }) => version))];
    const decided: Record<string, number> = {};
    for (const region of this.book.regions()) {
      if (!livesIn(endpoint, region)) continue;
      const scaler = this.scalers.of(name, region, now.atMs);
      const metric = scaling.metric && metrics.of(scaling.metric.subject);
      const current = this.current(endpoint, region);
      const load = sums.load(name, versions, region);
      const replicas = scaler.look(load, scaling, current, now, metric);
      decided[region] = replicas;
      const residency = this.residencyOf(region);
      if (replicas === 0) residency.sleeps(name);
      else if (mayDoze(scaling)) {
        const startMs = scaler.explained?.startMs ?? 0;
        const inUse = load.inFlight + load.waiting + load.loading > 0;
        const bytes = versions.reduce((sum, version) => sum + this.memoryOf(version), 0);
        residency.saw(name, { arrived: load.arrived, inUse, startMs, bytes }, now.atMs);
      }
    }
    return decided;
  }

  /** What is wanted now, or what a fresh endpoint begins with. */
  private current({ name, scaling }: Scaled, region: string): number | undefined {
    return this.parts.state.of(name)?.regions[region] ?? scaling.initialReplicas;
  }

  private known(endpoint: string): boolean {
    return this.book.regions().some((region) => this.scalers.find(endpoint, region));
  }

  private memoryOf(version: string): number {
    return Math.max(this.parts.bytesOf(version) ?? 0, MODEL_BYTES_MIN) * MEMORY_PER_BYTE;
  }

  private residencyOf(region: string): Residency {
    const residency = this.residencies.get(region) ?? new Residency();
    this.residencies.set(region, residency);
    return residency;
  }

  /** Puts those to sleep that are worth least, where more are awake than have room. */
  private async makeRoom(scaled: readonly Scaled[], epoch: number, now: Now): Promise<void> {
    const { state, residentsMax } = this.parts;
    const mayLeave = scaled.filter(({ name, scaling }) => state.awake.has(name) && mayDoze(scaling));
    for (const region of this.book.regions()) {
      const awake = mayLeave.filter(({ name }) => (state.of(name)?.regions[region] ?? 0) > 0);
      const bytesMax = this.roomOf(region, awake, now);
      const names = awake.map(({ name }) => name);
      const victims = new Set(this.residencyOf(region).crowdedOut(names, { residentsMax, bytesMax }));
      for (const endpoint of awake.filter(({ name }) => victims.has(name))) {
        await this.write(endpoint, { [region]: 0 }, epoch, now, 'others are worth more in the room there is');
        this.residencyOf(region).sleeps(endpoint.name);
      }
    }
  }

  /** Memory of the region's shards less what lies there and may not leave. */
  private roomOf(region: string, awake: readonly Scaled[], { atMs }: Now): number {
    const beats = this.book.beats(region, atMs);
    const there = beats.reduce((sum, { device }) => sum + device.memoryBytes, 0) * MEMORY_SHARE_MAX;
    const leaving = new Set(awake.flatMap(({ variants }) => variants.map(({ version }) => version)));
    const staying = beats
      .flatMap(({ replicas }) => replicas)
      .filter(({ version }) => !leaving.has(version))
      .reduce((sum, { version }) => sum + this.memoryOf(version), 0);
    return there - staying;
  }

  /** One record for all regions; a region that is not seen keeps its number. */
  private async write(
    { name, scaling }: Scaled,
    decided: Readonly<Record<string, number>>,
    epoch: number,
    now: Now,
    why?: string,
  ): Promise<void> {
    const { wanted, state, log } = this.parts;
    const before = state.of(name);
    if (scaling.dryRun) return before && this.remove(name, epoch);
    const differs = Object.entries(decided).filter(([region, to]) => before?.regions[region] !== to);
    if (differs.length === 0) return;
    await wanted.transact(() => {
      state.fence(epoch);
      const value: WantedRecord = {
        endpoint: name,
        epoch,
        regions: { ...state.of(name)?.regions, ...decided },
      };
      return { change: { key: keys.wanted(name), value }, result: undefined };
    });
    for (const [region, to] of differs) {
      const from = before?.regions[region] ?? 0;
      const scaler = this.scalers.find(name, region);
      scaler?.changed(from, to, now, why);
      log.info('scaling.changed', { endpoint: name, region, from, to, why: why ?? scaler?.explained?.why });
    }
  }

  /** Endpoints that are scaled no more. */
  private async tidy(scaled: ReadonlySet<string>, epoch: number, state: WantedState): Promise<void> {
    for (const { endpoint } of state.records()) if (!scaled.has(endpoint)) await this.remove(endpoint, epoch);
  }

  private async remove(endpoint: string, epoch: number): Promise<void> {
    const { wanted, state } = this.parts;
    await wanted.transact(() => {
      state.fence(epoch);
      return { change: { key: keys.wanted(endpoint), value: undefined }, result: undefined };
    });
  }

  private listen(): () => void {
    const { bus, clock, log } = this.parts;
    const beats = bus.nc.subscribe(wildcards.heartbeats(), {
      callback: (error, message) => {
        const beat = error ? undefined : read(BeatSchema, message.string());
        if (beat) this.book.heard(beat, clock.monotonicMs());
        else if (error) log.error('subscription.failed', errorFields(error));
      },
    });
    const rooms = bus.nc.subscribe(subjects.waiting(), {
      callback: (error, message) => {
        const notice = error ? undefined : read(WaitingNotice, message.string());
        if (!notice) return;
        this.book.waits(notice, clock.monotonicMs());
        const wanted = this.parts.state.of(notice.endpoint)?.regions[notice.region];
        if (notice.waiting > 0 && (wanted ?? 0) === 0) this.nudge();
      },
    });
    return () => {
      if (bus.nc.isClosed()) return;
      beats.unsubscribe();
      rooms.unsubscribe();
    };
  }

  /** The curves that engines learned, from the shards that hold scaled versions. */
  private async learnAgainAndAgain(signal: AbortSignal): Promise<void> {
    const { bus, clock } = this.parts;
    while (!signal.aborted) {
      await clock.sleep(LEARN_EVERY_MS, signal).catch(() => undefined);
      const versions = new Set(
        this.scaled().flatMap(({ variants }) => variants.map(({ version }) => version)),
      );
      for (const shard of versions.size > 0 && bus.connected() ? this.book.holders(versions) : []) {
        if (signal.aborted) return;
        // One that does not answer is asked again; until then the last curve counts.
        const answer = await bus.nc
          .request(subjects.shardControl(shard, 'statistics'), '{}', { timeout: ASK_MS })
          .catch(() => undefined);
        const learned = answer && read(StatisticsReply, answer.string());
        if (learned) this.book.learned(learned);
      }
    }
  }
}

const livesIn = ({ placement }: Scaled, region: string): boolean =>
  placement?.regions?.includes(region) ?? true;

function read<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
