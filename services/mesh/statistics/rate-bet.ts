// Is a rate above or below a limit? A bet with a Beta prior against each possible rate: the rates that lose less than 1/alpha are
// the confidence sequence, valid at every look (Robbins 1970; Howard et al. 2021, section 3). Used for the absolute way to a
// promotion (almost no failures at all need no comparison) and for the disagreements of a shadow.
import { lnBeta } from './log-gamma.js';

export interface RateCounts {
  readonly hits: number;
  readonly total: number;
}

/** With few hits expected, most of the bet lies at small rates: zero failures reach 0.5 % after 820 calls instead of 1,438. */
const A = 0.5;
const B = 100;

/** ln of the evidence against a rate of `p`. */
export function lnAgainstRate({ hits, total }: RateCounts, p: number): number {
  return (
    lnBeta(A + hits, B + total - hits) - lnBeta(A, B) - hits * Math.log(p) - (total - hits) * Math.log1p(-p)
  );
}

/** Evidence that the rate is below `limit`; none while the observed one is not. */
export const lnBelow = (counts: RateCounts, limit: number): number =>
  counts.total > 0 && counts.hits < limit * counts.total ? lnAgainstRate(counts, limit) : 0;

/** Evidence that the rate is above `limit`. */
export const lnAbove = (counts: RateCounts, limit: number): number =>
  counts.hits > limit * counts.total ? lnAgainstRate(counts, limit) : 0;

/** The largest rate that the counts do not exclude, for people. */
export function upperLimit(counts: RateCounts, alpha: number): number {
  const threshold = Math.log(1 / alpha);
  let low = counts.total === 0 ? 0 : counts.hits / counts.total;
  let high = 1;
  for (let turn = 0; turn < 60; turn++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (lnAgainstRate(counts, middle) < threshold) low = middle;
    else high = middle;
  }
  return high;
}
