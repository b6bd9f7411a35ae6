// Is a quantile of the candidate larger than the baseline's? For every value x, two beta-binomial bets ask whether x can be that
// quantile in both arms; when no x can be, the quantiles differ (Howard and Ramdas, "Sequential estimation of quantiles", 2022,
// section 4). On histograms of equal ratio: inside a bin, values are taken as spread evenly.
import { lnBeta } from './log-gamma.js';

/** Counts by bin; both arms have the same bins. */
export type Histogram = readonly number[];

/** Values at which the bets are tightest. */
const N_BEST = 2_000;
/** Points looked at inside each bin. */
const STEPS = 8;

/**
 * ln of the evidence that the candidate's quantile z is larger than the baseline's, `shift` bins further up; 0 while it is not.
 * With a negative shift: larger than a part of the baseline's.
 */
export function lnQuantileAbove(candidate: Histogram, baseline: Histogram, z: number, shift = 0): number {
  return position(candidate, z) > position(baseline, z) + shift ? lnApart(candidate, baseline, z, shift) : 0;
}

/** The same for "smaller than": with the margin as shift, that the candidate is not that much slower. */
export function lnQuantileBelow(candidate: Histogram, baseline: Histogram, z: number, shift = 0): number {
  return position(candidate, z) < position(baseline, z) + shift ? lnApart(candidate, baseline, z, shift) : 0;
}

/** Where the quantile lies, in bins. */
export function position(histogram: Histogram, z: number): number {
  const wanted = z * totalOf(histogram);
  let below = 0;
  for (let i = 0; i < histogram.length; i++) {
    const count = histogram[i] as number;
    if (count > 0 && below + count >= wanted) return i + Math.max(0, wanted - below) / count;
    below += count;
  }
  return histogram.length;
}

function lnApart(candidate: Histogram, baseline: Histogram, z: number, shift: number): number {
  const length = Math.max(candidate.length, baseline.length) + Math.abs(shift) + 1;
  const ofCandidate = bet(totalOf(candidate), z);
  const ofBaseline = bet(totalOf(baseline), z);
  let least = Number.POSITIVE_INFINITY;
  for (let x = 0; x <= length * STEPS; x++) {
    const at = x / STEPS;
    const ln = ofCandidate(countBelow(candidate, at)) + ofBaseline(countBelow(baseline, at - shift));
    if (ln < least) least = ln;
  }
  return Math.max(0, least);
}

function countBelow(histogram: Histogram, at: number): number {
  if (at <= 0) return 0;
  const whole = Math.min(Math.floor(at), histogram.length);
  let sum = 0;
  for (let i = 0; i < whole; i++) sum += histogram[i] as number;
  return sum + (at - whole) * (histogram[whole] ?? 0);
}

function bet(n: number, z: number): (k: number) => number {
  const p = z * (1 - z);
  const r = Math.max((N_BEST * p) / (2 * Math.log(20) + Math.log(1 + 2 * Math.log(20))) - p, 0.001 * p);
  const a = r / (1 - z);
  const b = r / z;
  const start = lnBeta(a, b);
  return (k) => lnBeta(a + k, b + n - k) - start - k * Math.log(z) - (n - k) * Math.log1p(-z);
}

const totalOf = (histogram: Histogram): number => histogram.reduce((sum, count) => sum + count, 0);
