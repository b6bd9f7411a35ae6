// Looks at every scaled endpoint that is called four times a second, at one that is awake in vain once, and at once at one that is called while it
// sleeps, decides, and, while it leads, writes down how many replicas are wanted. All autoscalers look, so that the next leader knows what the last one knew; every write carries the leader's epoch.
import { toFailure } from '../../contracts/errors.js';
import type { ScalingQuery, ScalingReply } from '../../contracts/scaling.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import { Wake } from '../mesh/calls/wake.js';
import type { Now } from './endpoint-scaler.js';
import { EndpointScalers } from './endpoint-scalers.js';
import { hear } from './hearing.js';
import { learnCurves } from './learned-curves.js';
import { type Beat, LoadBook, type Sums } from './load-book.js';
import type { MetricBook } from './metric-book.js';
import { keepDays } from './days-kept.js';
import { demandOf } from './scheduler/demand-of.js';
import type { ScaledEndpoints } from './scaled-endpoints.js';
import type { ScheduleState } from './scheduler/schedule-state.js';
import type { Scheduler } from './scheduler/scheduler.js';
import type { ServingDemand } from './scheduler/state.js';
import { Sleepers } from './sleepers.js';
import { livesIn, mayDoze, type Scaled } from './sleepy.js';
import type { WantedState } from './wanted-state.js';
import { WantedWriter } from './wanted-writer.js';

export interface AutoscalerParts {
  readonly instance: string;
  readonly bus: Bus;
  /** As the catalog has them now. */
  readonly endpoints: ScaledEndpoints;
  /** Of a version on disk. */
  readonly memoryOf: (version: string) => number | undefined;
  /** Endpoints that may sleep and are awake in a region at once. */
  readonly residentsMax: number;
  readonly wanted: BucketLog;
  readonly state: WantedState;
  /** What outlives a leader besides: schedules and the days of endpoints. */
  readonly kept: BucketLog;
  readonly keptState: ScheduleState;
  /** What the budget of an endpoint pays for. */
  readonly affordable: Scheduler['affordable'];
  readonly metrics: MetricBook;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 250;
/** Of those that are awake and not called; of very many a hundred a second. */
const LOOK_AT_IDLE_EVERY_MS = 1_000;
const LOOK_AT_IDLE_MS_EACH = 10;

export class Autoscaler {
  private readonly book = new LoadBook();
  private readonly wake: Wake;
  private readonly scalers: EndpointScalers;
  private readonly sleepers: Sleepers;
  private readonly writer: WantedWriter;
  private readonly closing = new AbortController();
  private epoch: number | undefined;
  private nextRoundMs = Number.NEGATIVE_INFINITY;
  private lose: (error: unknown) => void = () => undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: AutoscalerParts) {
    this.wake = new Wake(parts.clock);
    this.scalers = new EndpointScalers((endpoint, region) => parts.keptState.forecast(endpoint, region));
    const { state, endpoints, memoryOf, residentsMax } = parts;
    this.sleepers = new Sleepers({ book: this.book, state, endpoints, memoryOf, residentsMax });
    this.writer = new WantedWriter({ ...parts, scalers: this.scalers });
  }

  start(): void {
    const { signal } = this.closing;
    const stop = hear(this.parts, this.book, ({ endpoint, region }) => {
      if ((this.parts.state.of(endpoint)?.regions[region] ?? 0) === 0) this.wake.nudge();
    });
    signal.addEventListener('abort', stop, { once: true });
    this.running = Promise.all([
      this.lookAgainAndAgain(signal),
      learnCurves(this.parts, this.book, () => this.endpoints.size > 0, signal),
    ]);
  }

  async stop(): Promise<void> {
    this.closing.abort();
    this.parts.metrics.follow(new Set());
    await this.running;
  }

  /** An endpoint changed. */
  nudge(): void {
    this.nextRoundMs = Number.NEGATIVE_INFINITY;
    this.wake.nudge();
  }

  /** Writes until the signal ends it; rejects with LEASE_LOST when a later leader has written. */
  async lead(epoch: number, signal: AbortSignal): Promise<void> {
    this.epoch = epoch;
    this.nudge();
    const keeping = keepDays({ ...this.parts, scalers: this.scalers, scaled: this.endpoints }, epoch, signal);
    try {
      await new Promise<void>((resolve, reject) => {
        this.lose = reject;
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
      });
    } finally {
      this.epoch = undefined;
      await keeping;
    }
  }

  async explain({ endpoint }: ScalingQuery): Promise<ScalingReply> {
    // Another one may lead, and write.
    await this.parts.kept.refresh().catch(() => false);
    const { instance, clock } = this.parts;
    // Of all, those that are looked at; one that is asked for by name is looked at now.
    const asked = [...this.endpoints.values()].filter(({ name }) =>
      endpoint === undefined ? this.known(name) : name === endpoint,
    );
    const now: Now = { atMs: clock.monotonicMs(), wallMs: clock.now() };
    for (const one of asked) if (!this.known(one.name)) this.decide(one, this.book.sums(now.atMs), now);
    const { last: schedule } = this.parts.keptState;
    return {
      instance,
      leading: this.epoch !== undefined,
      endpoints: asked.map(({ name, scaling }) => ({
        endpoint: name,
        policy: scaling,
        regions: this.book.regions().flatMap((region) => this.scalers.find(name, region)?.explained ?? []),
      })),
      ...(schedule && { schedule }),
    };
  }

  /** Shards of the region that were heard lately. */
  shards(region: string): Beat[] {
    return this.book.beats(region, this.parts.clock.monotonicMs());
  }

  /** What endpoints want in the region, as it was written down; undefined where no shard was ever heard. */
  serving(region: string): ServingDemand[] | undefined {
    if (!this.book.regions().includes(region)) return undefined;
    const { state } = this.parts;
    return [...state.awake].flatMap((name) => {
      const endpoint = this.endpoints.get(name);
      const replicas = state.of(name)?.regions[region] ?? 0;
      return endpoint && replicas > 0 ? [{ ...demandOf(endpoint, region), replicas }] : [];
    });
  }

  private get endpoints(): ReadonlyMap<string, Scaled> {
    return this.parts.endpoints.all;
  }

  private async lookAgainAndAgain(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
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
      await this.wake.sleep(Math.max(0, this.nextRoundMs - clock.monotonicMs()), mark, signal);
    }
  }

  /** At those that somebody waits for, and when it is time for a round at all the others. */
  private async look(): Promise<void> {
    const { clock } = this.parts;
    const now: Now = { atMs: clock.monotonicMs(), wallMs: clock.now() };
    this.book.forget(now.atMs);
    const sums = this.book.sums(now.atMs);
    await this.lookAt(sums.waitedFor, sums, now);
    if (now.atMs < this.nextRoundMs) return;
    this.nextRoundMs = now.atMs + LOOK_EVERY_MS;
    await this.round(sums, now);
  }

  private async lookAt(names: Iterable<string>, sums: Sums, now: Now): Promise<void> {
    for (const name of names) {
      const endpoint = this.endpoints.get(name);
      if (!endpoint) continue;
      const regions = this.decide(endpoint, sums, now);
      if (this.epoch !== undefined) await this.writer.write(endpoint, regions, this.epoch, now);
    }
  }

  private async round(sums: Sums, now: Now): Promise<void> {
    const { metrics, state } = this.parts;
    const restless = [...this.parts.endpoints.restless.values()];
    metrics.follow(new Set(restless.flatMap(({ scaling }) => scaling.metric?.subject ?? [])));
    await this.lookAt(this.due(restless, sums, now), sums, now);
    this.scalers.tidy(this.endpoints, state.awake);
    const { epoch } = this;
    if (epoch === undefined) return;
    await this.sleepers.arrange(now, (endpoint, regions, why) =>
      this.writer.write(endpoint, regions, epoch, now, why),
    );
    await this.writer.tidy(this.endpoints, epoch);
  }

  /** Who may doze is left out while it sleeps, but for a look now and then. */
  private due(restless: readonly Scaled[], sums: Sums, { atMs }: Now): string[] {
    const regions = this.book.regions();
    const watched = restless.filter(
      (endpoint) =>
        !mayDoze(endpoint.scaling) ||
        regions.some((region) => livesIn(endpoint, region) && this.current(endpoint, region) === undefined),
    );
    const names = new Set([
      ...watched.map(({ name }) => name),
      ...this.awakeAndDue(sums, atMs),
      ...this.scalers.due(atMs),
    ]);
    return [...names].filter((name) => !sums.waitedFor.has(name));
  }

  /** Those that are called, and some of the others: with hundreds that wait for their next caller a look at all of them takes ten milliseconds. */
  private awakeAndDue(sums: Sums, atMs: number): string[] {
    const { awake } = this.parts.state;
    const everyMs = Math.max(LOOK_AT_IDLE_EVERY_MS, awake.size * LOOK_AT_IDLE_MS_EACH);
    let idle = Math.ceil((awake.size * LOOK_EVERY_MS) / everyMs);
    return [...awake].filter((name) => {
      if (this.endpoints.get(name)?.variants.some(({ version }) => sums.isCalled(version))) return true;
      return atMs - this.scalers.lookedMs(name) >= everyMs && idle-- > 0;
    });
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
      const { budgetPerHour: budget } = scaling;
      const affordable =
        budget === undefined ? undefined : this.parts.affordable(demandOf(endpoint, region), budget);
      const replicas = scaler.look(load, scaling, current, now, { metric, affordable });
      const startMs = scaler.explained?.startMs ?? 0;
      const found = { load, current, startMs };
      decided[region] = this.sleepers.looked(endpoint, region, replicas, found, now);
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
}
