// Is a load constant? Arrivals of many independent callers at a constant rate are Poisson: their counts vary as much as their mean.

/**
 * Fisher's index of dispersion (variance / mean of counts in equal intervals) as a normal deviate: times the number of intervals it is
 * chi-squared for a constant Poisson load, and its cube root nearly normal (Wilson and Hilferty, 1931). Large for bursts and for
 * drifts, 0 when there is nothing to count.
 */
export function dispersionZ(counts: readonly number[]): number {
  const freedom = counts.length - 1;
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  if (!(mean > 0) || freedom < 1) return 0;
  const squares = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0);
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(squares / mean / freedom) - (1 - spread)) / Math.sqrt(spread);
}
