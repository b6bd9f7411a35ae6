// What the arrival rate will be in a while: Holt and Winters' smoothing with a daily season, and how far it was off before. The
// replica policy adds replicas for it and never takes any away. What one process learned another takes up.
import type { ForecastRecord } from '../../../contracts/scaling.js';

export interface Forecast {
  /** Minute of the series, counted from 1970. */
  readonly minute: number;
  readonly level: number;
  readonly trend: number;
  /** What each minute of the day adds; empty until a whole day has been seen. */
  readonly season: readonly number[];
  readonly firstDay: readonly number[];
  /** Smoothed size of what the forecast missed by, arrivals a second. */
  readonly error: number;
}

const DAY = 1_440;
const LEVEL = 0.3;
const TREND = 0.05;
const SEASON = 0.2;
const ERROR = 0.05;
/** A trend is followed, but not for ever (Gardner and McKenzie, 1985). */
const DAMPING = 0.9;
/** The 90th percentile of a normal error, from its mean size: 1.2816 x sqrt(pi / 2). */
const UPPER = 1.606;

export const noForecast = (minute: number): Forecast => ({
  minute,
  level: 0,
  trend: 0,
  season: [],
  firstDay: [],
  error: 0,
});

const seasonAt = ({ season }: Forecast, minute: number): number => season[minute % DAY] ?? 0;

/** One more minute with its mean rate, arrivals a second. The first day gives the season its first shape. */
export function learnMinute(before: Forecast, rate: number): Forecast {
  const minute = before.minute + 1;
  const first = before.firstDay.length === 0 && before.season.length === 0;
  const expected = before.level + before.trend + seasonAt(before, minute);
  const seasonal = seasonAt(before, minute);
  const level = first ? rate : LEVEL * (rate - seasonal) + (1 - LEVEL) * (before.level + before.trend);
  const trend = first ? 0 : DAMPING * (TREND * (level - before.level) + (1 - TREND) * before.trend);
  const error = first ? 0 : ERROR * Math.abs(rate - expected) + (1 - ERROR) * before.error;
  if (before.season.length > 0) {
    const season = before.season.slice();
    season[minute % DAY] = SEASON * (rate - level) + (1 - SEASON) * seasonal;
    return { ...before, minute, level, trend, error, season };
  }
  const firstDay = [...before.firstDay, rate];
  if (firstDay.length < DAY) return { ...before, minute, level, trend, error, firstDay };
  return { minute, ...firstSeason(firstDay, minute), trend: 0, error, firstDay: [] };
}

/** Without the names of what it is of. */
export type WrittenForecast = Omit<ForecastRecord, 'endpoint' | 'region' | 'epoch'>;

/** Five digits: the size of what is kept, not of what is known, is what matters. */
const round = (value: number): number => Number(value.toPrecision(5));
/** The series counts the minutes of a process; what is kept counts those since 1970. */
const moved = (season: readonly number[], by: number): number[] =>
  season.map((_, at) => season[(((at - by) % DAY) + DAY) % DAY] ?? 0);

/** `wallMinute`: what its last minute is called by the clock on the wall, since 1970. */
export const written = (
  { minute, level, trend, season, firstDay, error }: Forecast,
  wallMinute: number,
): WrittenForecast => ({
  minute: wallMinute,
  level: round(level),
  trend: round(trend),
  error: round(error),
  season: moved(season, wallMinute - minute).map(round),
  firstDay: firstDay.map(round),
});

/** Older than this, the day it speaks of is another one. */
const KEPT_MINUTES_MAX = 7 * DAY;
/** A first day with a longer hole begins anew. */
const HOLE_MINUTES_MAX = 15;

/** Goes on from what was kept, in a process where the last minute is `minute` and is called `wallMinute`; undefined: it is too old. */
export function takenUp(kept: WrittenForecast, minute: number, wallMinute: number): Forecast | undefined {
  const hole = wallMinute - kept.minute;
  if (hole < 0 || hole > KEPT_MINUTES_MAX) return undefined;
  const { level, error, season } = kept;
  const bridged = hole <= HOLE_MINUTES_MAX ? [...kept.firstDay, ...Array<number>(hole).fill(level)] : [];
  // Nobody was there to see whether it went on.
  const trend = hole <= 1 ? kept.trend : 0;
  const firstDay = kept.firstDay.length === 0 ? [] : bridged.slice(-(DAY - 1));
  return { minute, level, trend, error, season: moved(season, minute - wallMinute), firstDay };
}

function firstSeason(day: readonly number[], lastMinute: number): Pick<Forecast, 'level' | 'season'> {
  const mean = day.reduce((sum, rate) => sum + rate, 0) / day.length;
  const season = Array.from({ length: DAY }, () => 0);
  // Smoothed over a quarter of an hour, so that the noise of one day is not expected of the next.
  for (let at = 0; at < DAY; at++) {
    let sum = 0;
    for (let by = -7; by <= 7; by++) sum += day[(at + by + DAY) % DAY] ?? 0;
    season[(lastMinute - DAY + 1 + at) % DAY] = sum / 15 - mean;
  }
  return { level: mean, season };
}

/** The rate that will not be exceeded with nine in ten chances, `aheadMs` from the last minute learned. */
export function upperRate(forecast: Forecast, aheadMs: number): number {
  const minutes = Math.max(1, Math.ceil(aheadMs / 60_000));
  const middle = forecast.level + forecast.trend * minutes + seasonAt(forecast, forecast.minute + minutes);
  return Math.max(0, middle + UPPER * forecast.error);
}
