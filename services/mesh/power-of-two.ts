// Picks the replica for the next request: two random candidates, the cheaper wins. Scanning all of them herds every caller onto
// one replica, drawing one lets the longest queue grow (Mitzenmacher, 2001). The route asks; nothing else should.
import type { Random } from './random.js';

export interface Load {
  /** Requests it holds now, as far as we know. */
  readonly inFlight: number;
  readonly latencyMs: number;
  /** Milliseconds added for recent failures: a replica that fails fast must not look idle. */
  readonly penalty: number;
}

// With 0 a replica that has answered nothing yet looks free and every request lands on it.
const LATENCY_FLOOR_MS = 1;

export const cost = (load: Load): number =>
  (load.inFlight + 1) * Math.max(load.latencyMs, LATENCY_FLOOR_MS) + load.penalty;

export function cheaper<T extends Load>(a: T, b: T): T {
  return cost(b) < cost(a) ? b : a;
}

export function powerOfTwo<T extends Load>(candidates: readonly T[], random: Random): T | undefined {
  const n = candidates.length;
  if (n < 2) return candidates[0];
  const i = Math.floor(random() * n);
  const j = (i + 1 + Math.floor(random() * (n - 1))) % n; // another one
  return cheaper(candidates[i] as T, candidates[j] as T);
}
