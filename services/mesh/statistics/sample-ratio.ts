// Do the arms get the users that their weights promise? If not, somebody is counted wrongly or lost on the way, and no comparison
// means anything. A sequential multinomial test with a Dirichlet bet around the weights (Lindon and Malek 2022): alarm at 1,000,
// looked at as often as one likes, so 0.1 % of sound experiments at most.
import { lnGamma } from './log-gamma.js';

export interface ArmCount {
  readonly weight: number;
  readonly count: number;
}

export const SAMPLE_RATIO_ALARM = 1_000;
/** Concentration of the bet: 52/48 declared as 50/50 is found after some 10,000 users. */
const A = 1_000;

/** ln of the evidence against the weights. */
export function lnSampleRatio(arms: readonly ArmCount[]): number {
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  let n = 0;
  let ln = 0;
  for (const { weight, count } of arms) {
    if (weight <= 0) {
      // Nobody belongs there.
      if (count > 0) return Number.MAX_VALUE;
      continue;
    }
    const w = weight / total;
    n += count;
    ln += lnGamma(A * w + count) - lnGamma(A * w) - count * Math.log(w);
  }
  return ln + lnGamma(A) - lnGamma(A + n);
}
