// One endpoint in one region: keeps what the policy remembers, asks it, applies the bounds, and can say why. The autoscaler owns
// one for each endpoint that is not asleep for good, and tells it what was written.
import type { RegionScaling, ScalingPolicy } from '../../contracts/scaling.js';
import type { Load } from './load-book.js';
import { arrivalRate } from './policy/arrivals.js';
import { bound, scheduled, type Standing } from './policy/bounds.js';
import { decideReplicas, newScaler, type ScalerState } from './policy/decide-replicas.js';
import { takenUp, written, type WrittenForecast } from './policy/forecast.js';
import { capacityOf } from './policy/slots.js';

export interface Now {
  /** Of the clock that only goes forward. */
  readonly atMs: number;
  /** Since 1970, for schedules and people. */
  readonly wallMs: number;
}

/** What is known of an endpoint besides its load. */
export type Besides = Pick<Standing, 'metric' | 'affordable'>;

/** A region whose shards are silent for so long is not seen; whatever was wanted there stays wanted. */
const STALE_MS = 3_500;
/** Until the first start was watched: a small model from a warm cache into a spare engine. */
const START_MS = 500;
const START_WEIGHT = 0.3;
const CHANGES_KEPT = 20;
const MINUTE_MS = 60_000;
/** How much the service times of one model differ; the engines tell means only. Runs of one shape hardly vary. */
const SERVICE_CV = 0.5;

export class EndpointScaler {
  private state: ScalerState | undefined;
  private arrived = 0;
  private startMs = START_MS;
  private growth: { readonly atMs: number; readonly ready: number } | undefined;
  private lastChangeMs = Number.NEGATIVE_INFINITY;
  private readonly changes: RegionScaling['changes'] = [];
  private shown: RegionScaling | undefined;

  constructor(
    private readonly region: string,
    private readonly sinceMs: number,
    private readonly kept?: WrittenForecast,
  ) {}

  /** What the last look came to. */
  get explained(): RegionScaling | undefined {
    return this.shown;
  }

  look(
    load: Load,
    asked: ScalingPolicy,
    current: number | undefined,
    { atMs, wallMs }: Now,
    { metric, affordable }: Besides = {},
  ): number {
    const policy = scheduled(asked, wallMs);
    const { serviceMs, slots } = capacityOf(load.curve, load.itemMs, policy.slowdownMax);
    const seen = { load, current, serviceMs, slots };
    if (load.heardMs === undefined || atMs - load.heardMs > STALE_MS) {
      const silentS = load.heardMs === undefined ? undefined : Math.round((atMs - load.heardMs) / 1_000);
      const silence = silentS === undefined ? 'ever' : `for ${silentS} s`;
      const why = `no shard of the region was heard ${silence}: what is wanted stays`;
      return this.show(seen, current ?? policy.minReplicas, 'held', {}, why, []);
    }
    this.watchStart(load, atMs);
    // Who gave up waiting is not taken back.
    this.arrived = Math.max(this.arrived, load.arrived);
    this.state ??= this.begun({ atMs, wallMs });
    const { state, decision } = decideReplicas(
      this.state,
      {
        atMs,
        arrived: this.arrived,
        running: load.inFlight,
        queued: load.waiting,
        service: { meanMs: serviceMs, cv: SERVICE_CV },
        slots,
        startMs: this.startMs,
      },
      policy,
    );
    this.state = state;
    const sleepsOn =
      current === 0 &&
      policy.minReplicas === 0 &&
      load.inFlight + load.waiting === 0 &&
      decision.parts.predicted === 0;
    const { replicas, bounds } = bound(sleepsOn ? 0 : decision.desired, policy, {
      current,
      lastChangeMs: this.lastChangeMs,
      sinceMs: this.sinceMs,
      nowMs: atMs,
      waiting: load.waiting,
      idle: decision.mode === 'idle',
      metric,
      affordable,
    });
    const mode = policy.pin !== undefined ? 'pinned' : sleepsOn ? 'idle' : decision.mode;
    const isCalled = current === 0 && load.waiting > 0;
    const why = sleepsOn
      ? 'asleep, and nobody asks'
      : isCalled
        ? `called while it slept; ${decision.why}`
        : decision.why;
    // A version lies once on a shard: what is wanted beyond them waits for another.
    const short = replicas > load.shards ? [`shards that take it: ${load.shards}`] : [];
    return this.show(seen, replicas, mode, decision.parts, why, [...bounds, ...short]);
  }

  /** What it knows of the days; undefined before the first minute is over. */
  forecast({ atMs, wallMs }: Now): WrittenForecast | undefined {
    const { state } = this;
    if (!state || state.forecast.firstDay.length + state.forecast.season.length === 0) return undefined;
    const endedMs = wallMs - (atMs - state.minute.sinceMs);
    return written(state.forecast, Math.floor(endedMs / MINUTE_MS) - 1);
  }

  /** It was written down; `other`: for a reason that is not the policy's. */
  changed(from: number, to: number, { atMs, wallMs }: Now, other?: string): void {
    this.lastChangeMs = atMs;
    if (to > from) this.growth = { atMs, ready: this.shown?.ready ?? 0 };
    // The next look may be seconds away.
    if (this.shown) this.shown = { ...this.shown, wanted: to };
    const why = other ?? [this.shown?.why, ...(this.shown?.bounds ?? [])].filter(Boolean).join('; ');
    this.changes.push({ at: new Date(wallMs).toISOString(), from, to, why });
    if (this.changes.length > CHANGES_KEPT) this.changes.shift();
  }

  /** From nothing, or from what an autoscaler before this one kept. */
  private begun({ atMs, wallMs }: Now): ScalerState {
    const state = newScaler(atMs, this.arrived);
    if (!this.kept) return state;
    const wallMinute = Math.floor(wallMs / MINUTE_MS) - 1;
    return { ...state, forecast: takenUp(this.kept, state.forecast.minute, wallMinute) ?? state.forecast };
  }

  /** From the wish for a replica to its readiness, as it really was. */
  private watchStart({ ready }: Load, atMs: number): void {
    if (!this.growth || ready <= this.growth.ready) return;
    this.startMs += START_WEIGHT * (atMs - this.growth.atMs - this.startMs);
    this.growth = undefined;
  }

  private show(
    {
      load,
      current,
      serviceMs,
      slots,
    }: { load: Load; current: number | undefined; serviceMs: number; slots: number },
    decided: number,
    mode: RegionScaling['mode'],
    parts: Readonly<Record<string, number>>,
    why: string,
    bounds: string[],
  ): number {
    const { ready, loading, waiting, inFlight } = load;
    const perSecond = this.state ? arrivalRate(this.state.arrivals, 10) : 0;
    this.shown = {
      region: this.region,
      ...(current !== undefined && { wanted: current }),
      decided,
      ready,
      loading,
      waiting,
      inFlight,
      perSecond,
      serviceMs,
      slots,
      startMs: this.startMs,
      mode,
      parts: { ...parts },
      why,
      bounds,
      changes: this.changes,
    };
    return decided;
  }
}
