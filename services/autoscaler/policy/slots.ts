// How many requests a replica serves at once without slowing each other down, by the curve that its engine learned: where twice
// the rows take less than twice the time, a joint run serves as many as it saves. Pure; the observer asks.
import type { LatencyPoint } from '../../../contracts/statistics.js';

export interface Capacity {
  /** What one request takes alone. */
  readonly serviceMs: number;
  readonly slots: number;
}

/** A run may take this share of the time that the objective allows; the rest is for waiting. */
const RUN_SHARE = 0.5;

/**
 * The best point of the curve at which a run still keeps the objective: `rows` in `run_ms` are worth `rows x alone / run_ms` servers
 * of one row each. Without a curve, one server of `itemMs`.
 */
export function capacityOf(curve: readonly LatencyPoint[], itemMs: number, slowdownMax: number): Capacity {
  const alone = curve.find(({ rows }) => rows === 1)?.run_ms ?? 0;
  if (alone <= 0) return { serviceMs: itemMs, slots: 1 };
  let slots = 1;
  for (const { rows, run_ms: runMs } of curve)
    if (runMs > 0 && runMs <= alone * slowdownMax * RUN_SHARE)
      slots = Math.max(slots, (rows * alone) / runMs);
  return { serviceMs: alone, slots };
}
