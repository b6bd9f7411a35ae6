// How much larger is the candidate's mean? A one-sided confidence sequence that holds at every look, for means of values with a
// finite variance: ln latency, a rating, a distance (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
// limit theory", 2021; the boundary is that of the mixture test of Johari et al. 2017). Asymptotic: it asks for SAMPLES_MIN
// values of each arm. Weight epochs are strata: pooling them would take a drift of the day for a difference of the arms.

export interface Sums {
  readonly count: number;
  readonly sum: number;
  readonly sum2: number;
}

export interface MeanDifference {
  /** Of candidate - baseline. */
  readonly difference: number;
  /** The truth is above `difference - margin`, and above that alone, with 1 - alpha; likewise below the sum. */
  readonly margin: number;
  readonly candidates: number;
  readonly baselines: number;
}

const SAMPLES_MIN = 100;
/** Fewer than this of an arm say nothing of its variance; such a stratum waits. */
const STRATUM_MIN = 20;
/** Samples at which the boundary is tightest. */
const N_BEST = 5_000;
const N_BEST_PAIRED = 1_000;

/** Undefined until there is enough to say anything. */
export function meanDifference(
  strata: readonly { readonly candidate: Sums; readonly baseline: Sums }[],
  alpha: number,
): MeanDifference | undefined {
  let weights = 0;
  let weighted = 0;
  let variance = 0;
  let candidates = 0;
  let baselines = 0;
  for (const { candidate, baseline } of strata) {
    if (candidate.count < STRATUM_MIN || baseline.count < STRATUM_MIN) continue;
    // The precision that equal variances would give: sizes alone, which do not depend on what was measured.
    const weight = 1 / (1 / candidate.count + 1 / baseline.count);
    weights += weight;
    weighted += weight * (mean(candidate) - mean(baseline));
    variance +=
      weight ** 2 * (varianceOf(candidate) / candidate.count + varianceOf(baseline) / baseline.count);
    candidates += candidate.count;
    baselines += baseline.count;
  }
  if (candidates < SAMPLES_MIN || baselines < SAMPLES_MIN) return undefined;
  const n = candidates + baselines;
  const s = Math.sqrt((n * variance) / weights ** 2);
  return { difference: weighted / weights, margin: s * halfWidth(n, N_BEST, alpha), candidates, baselines };
}

/** The same for differences taken pair by pair, which varies less by as much as the pairs have in common. */
export function pairedMean(pairs: Sums, alpha: number): MeanDifference | undefined {
  if (pairs.count < SAMPLES_MIN) return undefined;
  const margin = Math.sqrt(varianceOf(pairs)) * halfWidth(pairs.count, N_BEST_PAIRED, alpha);
  return { difference: mean(pairs), margin, candidates: pairs.count, baselines: pairs.count };
}

/** In standard deviations. */
function halfWidth(n: number, nBest: number, alpha: number): number {
  const a = 2 * alpha; // one-sided
  const rho2 = (-2 * Math.log(a) + Math.log(1 - 2 * Math.log(a))) / nBest;
  const x = n * rho2 + 1;
  return Math.sqrt(((2 * x) / (n ** 2 * rho2)) * Math.log(1 + Math.sqrt(x) / a));
}

const mean = ({ count, sum }: Sums): number => sum / count;

function varianceOf({ count, sum, sum2 }: Sums): number {
  return Math.max(0, (sum2 - sum ** 2 / count) / (count - 1));
}
