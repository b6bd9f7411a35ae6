// What an input looks like before any model saw it: a handful of statistics of its numbers, one pass. Calibration ranks them,
// the watch follows each for drift.

export const INPUT_STATISTICS = ['mean', 'deviation', 'min', 'max', 'roughness'] as const;
export type InputStatistic = (typeof INPUT_STATISTICS)[number];

/**
 * roughness: mean absolute difference of neighbours along the last axis, as the numbers lie: noise is rough, a constant is not. All in the
 * unit of the input; NaN where a number is NaN (faults.ts says so first).
 */
export function inputStatistics(values: ArrayLike<number>): Record<InputStatistic, number> {
  const n = Math.max(1, values.length);
  let [sum, squares, min, max, steps] = [0, 0, Infinity, -Infinity, 0];
  let before = values[0] ?? 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    sum += value;
    squares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
    steps += Math.abs(value - before);
    before = value;
  }
  const mean = sum / n;
  return {
    mean,
    deviation: Math.sqrt(Math.max(0, squares / n - mean * mean)),
    min,
    max,
    roughness: steps / n,
  };
}
