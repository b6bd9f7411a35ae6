// Is the candidate failing more than the baseline? Only the arm of each failure is looked at: were both equally good, a failure
// would fall on the candidate with the candidate's share of the traffic, whatever the base rate does meanwhile. The product of
// likelihood ratios against that share is a martingale, so it may be looked at as often as one likes (Ville); see Lindon and
// Malek, "Anytime-Valid Inference for Multinomial Count Data", 2022, and docs/release-statistics.md.

import { lnMeanExp } from './log-gamma.js';

/** Failures of one weight epoch, in which the candidate had this share of the two arms' traffic. */
export interface FailureCounts {
  readonly share: number;
  readonly candidate: number;
  readonly baseline: number;
}

/** How many times as often the candidate may fail: bets spread over these, so that none has to be guessed. */
const WORSE = [1.25, 1.5, 2, 3, 5, 10, 20, 50] as const;
const NO_WORSE = [0.7, 1] as const;

/** ln E for "fails more often"; roll back at ln(1/alpha). */
export function lnWorse(epochs: readonly FailureCounts[]): number {
  return mixture(epochs, WORSE);
}

/** ln E for "does not fail `margin` times as often"; promote at ln(1/alpha). */
export function lnNotWorse(epochs: readonly FailureCounts[], margin: number): number {
  return mixture(epochs, NO_WORSE) - lnLikelihood(epochs, margin);
}

const mixture = (epochs: readonly FailureCounts[], ratios: readonly number[]): number =>
  lnMeanExp(ratios.map((ratio) => lnLikelihood(epochs, ratio)));

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
