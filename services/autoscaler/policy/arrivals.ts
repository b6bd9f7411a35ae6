// Counts of arrivals, second by second, from a counter that only grows. The replica policy reads rates and constancy from them.

export interface Arrivals {
  /** Of whole seconds, oldest first. */
  readonly counts: readonly number[];
  readonly sinceMs: number;
  readonly atSince: number;
}

const SECOND_MS = 1_000;
/** Ten minutes tell a rate that drifts by a tenth from one that does not. */
const SECONDS_MAX = 600;

export const noArrivals = (atMs: number, arrived: number): Arrivals => ({
  counts: [],
  sinceMs: atMs,
  atSince: arrived,
});

/** `arrived` is the counter's value at `atMs`; a counter that went back (another process) counts as nothing new. */
export function countArrivals(before: Arrivals, atMs: number, arrived: number): Arrivals {
  const seconds = Math.floor((atMs - before.sinceMs) / SECOND_MS);
  if (seconds < 1) return before;
  // A tick that came late: what it brings is spread over the seconds it missed.
  const each = Math.max(0, arrived - before.atSince) / seconds;
  const fresh = Array.from({ length: Math.min(seconds, SECONDS_MAX) }, () => each);
  return {
    counts: [...before.counts, ...fresh].slice(-SECONDS_MAX),
    sinceMs: before.sinceMs + seconds * SECOND_MS,
    atSince: arrived,
  };
}

/** Arrivals a second over the last `seconds`, or over as many as there are. */
export function arrivalRate({ counts }: Arrivals, seconds: number): number {
  const recent = counts.slice(-seconds);
  return recent.length === 0 ? 0 : recent.reduce((sum, count) => sum + count, 0) / recent.length;
}
