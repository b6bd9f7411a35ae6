// How long to wait before the next try: doubling, with jitter, so that callers who failed together do not come back together.
import type { Random } from './random.js';

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0.2 is +-20 %. */
  readonly jitter: number;
}

/** The mesh heals within seconds: an engine's spare is up in about 100 ms, a connection in 100 to 200. */
export const RETRY_BACKOFF: Backoff = { firstMs: 50, maxMs: 800, jitter: 0.5 };
/** For restarts of an actor, as supervisors have it. */
export const RESTART_BACKOFF: Backoff = { firstMs: 100, maxMs: 30_000, jitter: 0.2 };

/** `again` counts from 0. */
export function backoffMs(again: number, { firstMs, maxMs, jitter }: Backoff, random: Random): number {
  const plain = Math.min(firstMs * 2 ** Math.min(again, 30), maxMs);
  return plain * (1 + jitter * (2 * random() - 1));
}
