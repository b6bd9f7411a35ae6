// When an endpoint that sleeps between its calls will be called next: those that are called at even intervals (a job every ten minutes, a
// sensor every few seconds) tell by their last ones. The residency keeps one for each endpoint it knows; what comes of it is a preload.
// The daily forecast (forecast.ts) knows tides and needs a day for them; this needs four visits.

export interface Rhythm {
  readonly lastMs: number;
  /** Between the beginnings of visits, the latest last. */
  readonly gaps: readonly number[];
}

export interface Visit {
  readonly fromMs: number;
  readonly toMs: number;
  /** Nothing heard by then: it did not come. Later than the visit's end, because of what is awake heartbeats tell, and they may be late. */
  readonly missedMs: number;
}

/** Calls that follow each other faster are one visit. */
const QUIET_MS = 2_000;
const GAPS_KEPT = 6;
const GAPS_MIN = 3;
/** Gaps that differ from their median by more are no rhythm. */
const SPREAD_MAX = 0.25;
/** A look at sleepers and a heartbeat come in between; a median is off by as much as the gaps differ. */
const SLACK_MS = 1_000;

export const firstVisit = (atMs: number): Rhythm => ({ lastMs: atMs, gaps: [] });

/** A call at this time. */
export function called(before: Rhythm, atMs: number): Rhythm {
  const gap = atMs - before.lastMs;
  if (gap < QUIET_MS) return before;
  return { lastMs: atMs, gaps: [...before.gaps, gap].slice(-GAPS_KEPT) };
}

/**
 * When the next visit is expected to begin; undefined while there is no rhythm in the last ones. What was before an uneven gap is another
 * rhythm: waiting until the last six were even, a sensor that had been away was expected again only at its eighth visit.
 */
export function nextVisit({ lastMs, gaps }: Rhythm): Visit | undefined {
  let even = gaps;
  while (even.length >= GAPS_MIN && spreadOf(even) > SPREAD_MAX * medianOf(even)) even = even.slice(1);
  if (even.length < GAPS_MIN) return undefined;
  const median = medianOf(even);
  const slack = spreadOf(even) + SLACK_MS;
  const toMs = lastMs + median + slack;
  return { fromMs: lastMs + median - slack, toMs, missedMs: Math.max(toMs, lastMs + 1.5 * median) };
}

const medianOf = (gaps: readonly number[]): number => gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0;

function spreadOf(gaps: readonly number[]): number {
  const median = medianOf(gaps);
  return Math.max(...gaps.map((gap) => Math.abs(gap - median)));
}
