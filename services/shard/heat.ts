// Which replicas are hot: asked so often that a load beside them in the same engine, which blocks its loop, would be felt. The
// residents look once a second; engines with a hot one take no loads.

export interface Heat {
  readonly hot: boolean;
  readonly perSecond: number;
  readonly served: number;
  readonly atMs: number;
}

/** One of a thousand requests a minute meets a load; fewer do not show in a 99th percentile. */
const HOT_PER_S = 10;
const COOL_PER_S = 2;
/** A burst of a second is not yet heat. */
const TIME_CONSTANT_MS = 3_000;

export const cold = (served: number, atMs: number): Heat => ({ hot: false, perSecond: 0, served, atMs });

/** `served` counts all requests until now; one that fell back began anew. */
export function warmer(before: Heat, served: number, atMs: number): Heat {
  const elapsedMs = atMs - before.atMs;
  if (elapsedMs <= 0) return before;
  const fresh = served >= before.served ? served - before.served : served;
  const kept = Math.exp(-elapsedMs / TIME_CONSTANT_MS);
  const perSecond = kept * before.perSecond + ((1 - kept) * fresh * 1_000) / elapsedMs;
  return { hot: perSecond >= (before.hot ? COOL_PER_S : HOT_PER_S), perSecond, served, atMs };
}
