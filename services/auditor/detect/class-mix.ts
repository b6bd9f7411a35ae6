// Sees that classes come in other shares than in the reference, with the same bound as shift-detector.ts: bets that one class comes
// more often or more seldom. Also what the shares are now, for people.

/** A class three times as often, ten times as often, or at a third. */
const TILTS = [1 / 3, 3, 10] as const;
/** Standard errors by which the reference's share may be wrong. */
const CAUTION = 2;

interface Bet {
  readonly label: number;
  /** Factor of the evidence where the class comes, and where another does. */
  readonly hit: number;
  readonly miss: number;
}

export class ClassMix {
  private readonly bets: readonly Bet[];
  private readonly evidence: Float64Array;

  /** `shares` of `samples` reference answers, by class. */
  constructor(shares: readonly number[], samples: number) {
    this.bets = shares.flatMap((share, label) => TILTS.map((tilt) => betOn(label, share, samples, tilt)));
    this.evidence = new Float64Array(this.bets.length);
  }

  /** One answer; returns the evidence that the mix changed. */
  add(label: number): number {
    let sum = 0;
    this.bets.forEach((bet, i) => {
      const now = Math.min(
        1e150,
        (1 + (this.evidence[i] as number)) * (bet.label === label ? bet.hit : bet.miss),
      );
      this.evidence[i] = now;
      sum += now;
    });
    return sum / Math.max(1, this.bets.length);
  }

  restart(): void {
    this.evidence.fill(0);
  }
}

/**
 * Odds of the class times `tilt`: L = (tilt or 1) / (1 + q (tilt - 1)), whose mean is 1 where q is the class's share. The share is taken
 * where the mean is at most 1 for every share within the caution.
 */
function betOn(label: number, share: number, samples: number, tilt: number): Bet {
  const error = CAUTION * Math.sqrt(Math.max(share * (1 - share), 1 / samples) / samples);
  const cautious = Math.min(1, Math.max(0, tilt > 1 ? share + error : share - error));
  const mean = 1 + cautious * (tilt - 1);
  return { label, hit: tilt / mean, miss: 1 / mean };
}

/** Population stability index between two sets of counts over the same bins; empty bins count as half of one. */
export function stabilityIndex(reference: readonly number[], now: readonly number[]): number {
  const [n, m] = [total(reference), total(now)];
  return reference.reduce((sum, count, i) => {
    const [e, a] = [Math.max(count, 0.5) / n, Math.max(now[i] ?? 0, 0.5) / m];
    return sum + (a - e) * Math.log(a / e);
  }, 0);
}

/**
 * Above this a stability index over `bins` is no chance (0.1 % of clean comparisons): it is about (1/n + 1/m) chi-squared of bins - 1
 * (Yurdakul, 2018), by Wilson and Hilferty's cube. The folklore bound of 0.1 is the least.
 */
export function stabilityBound(bins: number, n: number, m: number): number {
  const k = bins - 1;
  const chi = k * (1 - 2 / (9 * k) + 3.0902 * Math.sqrt(2 / (9 * k))) ** 3;
  return Math.max(0.1, (1 / n + 1 / m) * chi);
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
