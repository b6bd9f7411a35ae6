// Is the candidate failing more than the baseline? Only the arm of each failure is looked at: were both equally good, a failure
// would fall on the candidate with the candidate's share of the traffic, whatever the base rate does meanwhile. The product of
// likelihood ratios against that share is a martingale, so it may be looked at as often as one likes (Ville); see Lindon and
// Malek, "Anytime-Valid Inference for Multinomial Count Data", 2022, and docs/release-statistics.md.

import { lnSumExp } from './log-gamma.js';

/** Failures of one weight epoch, in which the candidate had this share of the two arms' traffic. */
export interface FailureCounts {
  readonly share: number;
  readonly candidate: number;
  readonly baseline: number;
}

/**
 * How many times as often the candidate may fail, and what is bet on that: spread, so that none has to be guessed, and more on what does
 * real damage. Equal bets found a rise from 2 to 50 % four calls later at the 95th percentile; any bets keep alpha.
 */
const WORSE = bets([1.25, 1], [1.5, 1], [2, 2], [3, 3], [5, 5], [10, 5], [20, 4], [50, 3]);
const NO_WORSE = bets([0.7, 1], [1, 1]);

/** ln E for "fails more often"; roll back at ln(1/alpha). */
export function lnWorse(epochs: readonly FailureCounts[]): number {
  return mixture(epochs, WORSE);
}

/** ln E for "does not fail `margin` times as often"; promote at ln(1/alpha). */
export function lnNotWorse(epochs: readonly FailureCounts[], margin: number): number {
  return mixture(epochs, NO_WORSE) - lnLikelihood(epochs, margin);
}

interface Bet {
  readonly ratio: number;
  readonly lnShare: number;
}

function bets(...given: readonly (readonly [ratio: number, parts: number])[]): readonly Bet[] {
  const total = given.reduce((sum, [, parts]) => sum + parts, 0);
  return given.map(([ratio, parts]) => ({ ratio, lnShare: Math.log(parts / total) }));
}

const mixture = (epochs: readonly FailureCounts[], on: readonly Bet[]): number =>
  lnSumExp(on.map(({ ratio, lnShare }) => lnShare + lnLikelihood(epochs, ratio)));

/** Against equal arms: (r q / (r q + 1 - q)) / q for each failure on the candidate, its complement for each on the baseline. */
function lnLikelihood(epochs: readonly FailureCounts[], ratio: number): number {
  let ln = 0;
  for (const { share, candidate, baseline } of epochs) {
    // A share of 0 or 1 says nothing: the failure could not have fallen elsewhere.
    if (share <= 0 || share >= 1) continue;
    ln += candidate * Math.log(ratio) - (candidate + baseline) * Math.log(ratio * share + 1 - share);
  }
  return ln;
}
