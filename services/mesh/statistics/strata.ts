// The evidence of a candidate and its baseline, weight epoch by weight epoch: within one, the shares are constant, so a drift of
// the day touches both arms alike.
import type { ArmEvidence, EndpointEvidence, FeedbackEvidence } from '../../../contracts/evidence.js';
import { BIN_COUNT } from '../evidence/latency-bins.js';
import type { FailureCounts } from './failure-share.js';
import type { Sums } from './mean-difference.js';

export interface Stratum {
  readonly epoch: number;
  /** The candidate's part of the two arms' weights. */
  readonly share: number;
  readonly candidate: ArmEvidence;
  readonly baseline: ArmEvidence;
}

export function strata(evidence: EndpointEvidence, candidate: string, baseline: string): Stratum[] {
  return evidence.epochs.flatMap(({ epoch, arms }) => {
    const ours = arms[candidate];
    const theirs = arms[baseline];
    if (!ours || !theirs || ours.weight === 0 || theirs.weight === 0) return [];
    return [{ epoch, share: ours.weight / (ours.weight + theirs.weight), candidate: ours, baseline: theirs }];
  });
}

/** A user's first failure counts, and each failure of a call without a user: what has been drawn independently. */
export const failingUnits = (arm: ArmEvidence): number => arm.failedUsers + arm.anonymousFailures;
export const units = (arm: ArmEvidence): number => arm.users + arm.anonymous;

export const failureCounts = (all: readonly Stratum[]): FailureCounts[] =>
  all.map(({ share, candidate, baseline }) => ({
    share,
    candidate: failingUnits(candidate),
    baseline: failingUnits(baseline),
  }));

const NOTHING: Sums = { count: 0, sum: 0, sum2: 0 };

export const lnLatency = ({ latency }: ArmEvidence): Sums =>
  latency ? { count: latency.count, sum: latency.sumLn, sum2: latency.sumLn2 } : NOTHING;

export const feedbackOf = ({ feedback }: ArmEvidence, metric: string): FeedbackEvidence =>
  feedback[metric] ?? NOTHING;

/** All bins, the empty ones too. */
export function histogramOf({ latency }: ArmEvidence): number[] {
  const bins = Array.from({ length: BIN_COUNT }, () => 0);
  latency?.bins.forEach((count, i) => {
    const bin = Math.min(latency.from + i, BIN_COUNT - 1);
    bins[bin] = (bins[bin] as number) + count;
  });
  return bins;
}

/** Calls in bins above this one. */
export function countAbove({ latency }: ArmEvidence, bin: number): number {
  if (!latency) return 0;
  return latency.bins.reduce((sum, count, i) => (latency.from + i > bin ? sum + count : sum), 0);
}

export const sumOver = <T>(all: readonly T[], count: (one: T) => number): number =>
  all.reduce((sum, one) => sum + count(one), 0);
