// Decides how many waiting requests an engine puts into one run of a model, from the timings of its warm-up. Batching pays
// for matrix products and recurrent nets (7 times at 128 rows) and costs for convolutions on a CPU: those learn "1".

export interface BatchTiming {
  readonly size: number;
  readonly runMs: number;
}

/** What warm-up tries. Beyond 32 the gain per item was under a tenth for every model we timed, and the wait grows. */
export const BATCH_SIZES = [1, 2, 4, 8, 16, 32] as const;

/** A larger batch must be this much cheaper per item than the best smaller one; less than that is noise on a shared machine. */
export const BATCH_GAIN = 0.15;

/** The largest size that still improves on every smaller one; 1 when nothing does. */
export function decideBatchMax(timings: readonly BatchTiming[], gain: number = BATCH_GAIN): number {
  let best: { size: number; itemMs: number } | undefined;
  for (const { size, runMs } of timings.toSorted((a, b) => a.size - b.size)) {
    const itemMs = runMs / size;
    if (best === undefined || itemMs < best.itemMs * (1 - gain)) best = { size, itemMs };
  }
  return best?.size ?? 1;
}
