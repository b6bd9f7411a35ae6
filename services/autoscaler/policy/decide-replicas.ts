// How many replicas an endpoint should have now: a pure function of what was observed, to be asked several times a second. The
// autoscaler asks, and the simulator of `bench scale`.
//
// Two ways to serve within the objective, and the load decides which is cheaper. While it is constant (its counts are Poisson's), a
// fixed number with the room that queueing theory asks for is enough, and nothing moves. While it is not, room for the peaks would
// stand empty most of the time; a replica is there for every request in the system instead, and is kept for a few start times.
import type { ScalingPolicy } from '../../../contracts/scaling.js';
import { type Arrivals, arrivalRate, countArrivals, noArrivals } from './arrivals.js';
import { dispersionZ } from './dispersion.js';
import { type Forecast, learnMinute, noForecast, upperRate } from './forecast.js';
import { queueExceeded, serversFor } from './staffing.js';

export interface Observation {
  readonly atMs: number;
  /** Requests that came since some beginning: only grows. */
  readonly arrived: number;
  /** Requests being served and waiting. */
  readonly running: number;
  readonly queued: number;
  /** What one request takes alone, as learned, and its coefficient of variation. */
  readonly service: { readonly meanMs: number; readonly cv: number };
  /** Requests a replica serves at once without slowing each other down. */
  readonly slots: number;
  /** From the wish for a replica to its first answer. */
  readonly startMs: number;
}

export interface ScalerState {
  readonly arrivals: Arrivals;
  readonly forecast: Forecast;
  readonly minute: { readonly sinceMs: number; readonly arrived: number };
  /** Falling maxima of what was in the system lately, oldest first. */
  readonly peaks: readonly Peak[];
  readonly steady: boolean;
  readonly dispersion: number;
  /** Servers that the steady load needs, and since when fewer would do. */
  readonly base: number;
  readonly fewerSinceMs: number | undefined;
  /** When the base was too small for a moment: one more each, for a while. */
  readonly regrets: readonly number[];
  /** The most that were in the system since the queue became longer than a constant load explains; 0 when it has not. */
  readonly overflow: number;
  readonly arrived: number;
  readonly lastAskedMs: number;
}

interface Peak {
  readonly atMs: number;
  readonly servers: number;
}

export interface Decision {
  readonly desired: number;
  readonly mode: 'idle' | 'steady' | 'bursty';
  /** Offered load in Erlangs: requests that would be served at once, on average. */
  readonly erlangs: number;
  /** Deviations by which the counts of arrivals differ from a constant load's. */
  readonly dispersion: number;
  /** Replicas that each part asks for; the largest wins, then come the bounds. */
  readonly parts: { readonly steady: number; readonly present: number; readonly predicted: number };
  readonly why: string;
}

/** The rate is that of two minutes, or of as many more as it takes to count this many arrivals. */
const RATE_SECONDS_MIN = 120;
const RATE_SECONDS_MAX = 600;
const RATE_COUNTED = 400;
/** So many seconds and arrivals before a load is judged to be anything but constant. */
const JUDGED_SECONDS = 120;
const COUNTED_MIN = 60;
/** A constant load is called bursty once in some hundred windows, a bursty one constant only when it looks so. */
const LEAVES_STEADY_Z = 3.5;
const BECOMES_STEADY_Z = 1.5;
/** A replica is kept for so many times what another start would take. */
const KEPT_STARTS = 4;
const KEPT_MS_MIN = 2_000;
/** The steady number grows or falls only for a load that differs by this. */
const TOLERANCE = 0.05;
const FEWER_AFTER_MS = 120_000;
const REGRET_MS = 20 * 60_000;
/** A constant load's queue may be longer than is taken for one once in so many seconds. */
const OVERFLOW_SECONDS = 12_000;
/** Beyond so many roots of the servers nobody waits for certainty. */
const OVERFLOW_ROOTS = 8;
const MINUTE_MS = 60_000;

export function newScaler(atMs: number, arrived = 0): ScalerState {
  return {
    arrivals: noArrivals(atMs, arrived),
    forecast: noForecast(Math.floor(atMs / MINUTE_MS) - 1),
    minute: { sinceMs: atMs, arrived },
    peaks: [],
    steady: true,
    dispersion: 0,
    base: 0,
    fewerSinceMs: undefined,
    regrets: [],
    overflow: 0,
    arrived,
    lastAskedMs: atMs,
  };
}

export function decideReplicas(
  before: ScalerState,
  seen: Observation,
  policy: ScalingPolicy,
): { readonly state: ScalerState; readonly decision: Decision } {
  const { atMs, slots } = seen;
  const inSystem = seen.running + seen.queued;
  const arrivals = countArrivals(before.arrivals, atMs, seen.arrived);
  const { forecast, minute } = learn(before, seen);
  const peaks = withPeak(before.peaks, atMs, inSystem, Math.max(KEPT_MS_MIN, KEPT_STARTS * seen.startMs));
  const held = peaks[0]?.servers ?? inSystem;
  const dispersion = arrivals === before.arrivals ? before.dispersion : dispersionZ(arrivals.counts);
  const steady = isSteady(before.steady, arrivals, dispersion);
  const erlangs = offered(arrivals, seen.service.meanMs);
  const level = steady
    ? steadyLevel(before, seen, policy, erlangs, held)
    : { base: 0, fewerSinceMs: undefined, regrets: [], overflow: 0 };
  const asked = seen.arrived > before.arrived || inSystem > 0;
  const lastAskedMs = asked ? atMs : before.lastAskedMs;

  const steadyServers = level.base + level.regrets.length;
  const present = steady ? level.overflow : held;
  const ahead = (upperRate(forecast, seen.startMs) * seen.service.meanMs) / 1_000;
  const predicted = forecast.season.length > 0 && ahead > erlangs && steady ? need(ahead, seen, policy) : 0;
  const parts = {
    steady: Math.ceil(steadyServers / slots),
    present: Math.ceil(present / slots),
    predicted: Math.ceil(predicted / slots),
  };
  const idle = atMs - lastAskedMs >= policy.idleMs;
  const wanted = idle ? parts.predicted : Math.max(parts.steady, parts.present, parts.predicted, 1);
  const desired = Math.min(policy.maxReplicas, Math.max(policy.minReplicas, wanted));
  const mode = idle ? 'idle' : steady ? 'steady' : 'bursty';
  return {
    state: {
      arrivals,
      forecast,
      minute,
      peaks,
      steady,
      dispersion,
      ...level,
      arrived: seen.arrived,
      lastAskedMs,
    },
    decision: {
      desired,
      mode,
      erlangs,
      dispersion,
      parts,
      why: sentence(mode, wanted, desired, parts),
    },
  };
}

/**
 * In Erlangs. Who has just woken is looked at because somebody came, and who waits and is served may be counted twice on the way from the one to the
 * other: until the window is full one arrival tells of no rate, and of the others no more can be served at once than came.
 */
function offered(arrivals: Arrivals, meanMs: number): number {
  const long = arrivalRate(arrivals, RATE_SECONDS_MAX);
  const counted = long > 0 ? Math.ceil(RATE_COUNTED / long) : RATE_SECONDS_MIN;
  const window = Math.min(RATE_SECONDS_MAX, Math.max(RATE_SECONDS_MIN, counted));
  const rate = arrivalRate(arrivals, window);
  const seconds = arrivals.counts.length;
  if (seconds >= window || seconds === 0) return (rate * meanMs) / 1_000;
  const telling = Math.max(0, rate * seconds - 1);
  return Math.min(telling, ((telling / seconds) * meanMs) / 1_000);
}

function isSteady(was: boolean, { counts }: Arrivals, dispersion: number): boolean {
  const counted = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length < JUDGED_SECONDS || counted < COUNTED_MIN) return was;
  return was ? dispersion <= LEAVES_STEADY_Z : dispersion < BECOMES_STEADY_Z;
}

const need = (erlangs: number, { service }: Observation, policy: ScalingPolicy): number =>
  serversFor(erlangs, service.cv, policy.slowdownMax, policy.violationShare);

function steadyLevel(
  before: ScalerState,
  seen: Observation,
  policy: ScalingPolicy,
  erlangs: number,
  held: number,
): Pick<ScalerState, 'base' | 'fewerSinceMs' | 'regrets' | 'overflow'> {
  const { atMs } = seen;
  const inSystem = seen.running + seen.queued;
  let base = before.base === 0 && erlangs > 0 ? need(erlangs, seen, policy) : before.base;
  base = Math.max(base, erlangs > 0 ? need(erlangs * (1 - TOLERANCE), seen, policy) : 0);
  let fewerSinceMs: number | undefined;
  if (base > 0 && need(erlangs * (1 + TOLERANCE), seen, policy) < base) {
    fewerSinceMs = before.fewerSinceMs ?? atMs;
    if (atMs - fewerSinceMs >= FEWER_AFTER_MS) {
      base -= 1;
      fewerSinceMs = atMs;
    }
  }
  const kept = before.regrets.filter((at) => atMs - at < REGRET_MS);
  const servers = base + kept.length;
  const perSecond = arrivalRate(before.arrivals, RATE_SECONDS_MAX);
  const rare = queueExceeded(servers, erlangs, perSecond * OVERFLOW_SECONDS);
  const overflows = inSystem > servers + Math.min(rare, OVERFLOW_ROOTS * Math.sqrt(servers));
  const goesOn = before.overflow > 0 && held > servers;
  const overflow = overflows || goesOn ? Math.max(before.overflow, inSystem) : 0;
  const regrets = overflows && before.overflow === 0 ? [...kept, atMs] : kept;
  return { base, fewerSinceMs, regrets, overflow };
}

function withPeak(peaks: readonly Peak[], atMs: number, servers: number, keptMs: number): readonly Peak[] {
  const higher = peaks.filter((peak) => peak.servers > servers && peak.atMs >= atMs - keptMs);
  return [...higher, { atMs, servers }];
}

function learn(
  before: ScalerState,
  { atMs, arrived }: Observation,
): Pick<ScalerState, 'forecast' | 'minute'> {
  const { sinceMs, arrived: atSince } = before.minute;
  const minutes = Math.floor((atMs - sinceMs) / MINUTE_MS);
  if (minutes < 1) return before;
  const rate = Math.max(0, arrived - atSince) / (minutes * 60);
  let { forecast } = before;
  for (let i = 0; i < Math.min(minutes, 1_440); i++) forecast = learnMinute(forecast, rate);
  return { forecast, minute: { sinceMs: sinceMs + minutes * MINUTE_MS, arrived } };
}

function sentence(mode: Decision['mode'], wanted: number, desired: number, parts: Decision['parts']): string {
  if (desired < wanted) return `${wanted} are wanted, the maximum is ${desired}`;
  if (desired > wanted) return `${wanted} would do, the minimum is ${desired}`;
  if (mode === 'idle') return 'nobody has asked for a while';
  if (Math.max(parts.steady, parts.present, parts.predicted) === 0) return 'one is there for whoever calls';
  if (wanted === parts.predicted && parts.predicted > Math.max(parts.steady, parts.present))
    return 'the forecast expects more than comes now';
  if (wanted === parts.present && parts.present > parts.steady)
    return mode === 'steady'
      ? 'more requests are here than a constant load explains'
      : 'the load comes in bursts: one place for every request that is or just was here';
  return 'what the objective needs at this constant load';
}
