// Evidence that scores of one key lie lower than usual, by more than keys may differ from one another. As shift-detector.ts of detect/, one
// side only, and with room for habits: no two callers are alike, so a mean as much as HABIT lower is still nothing.

/** Deviations by which the mean of an honest key may lie below that of all. */
const HABIT = 1;
const SIZES = [0.5, 1, 2] as const;
const MOST = 1e150;

export class ShiftTest {
  private readonly evidence: Float64Array;

  constructor(private readonly streams: number) {
    this.evidence = new Float64Array(streams * SIZES.length);
  }

  /** M = (1 + M) exp(-l (z + HABIT) - l^2 / 2), averaged over streams and sizes: E <= 1 a request for deviations of mean >= -HABIT. NaN: nothing seen. */
  add(deviations: readonly number[]): number {
    let total = 0;
    for (let s = 0; s < this.streams; s++) {
      const z = deviations[s] ?? Number.NaN;
      SIZES.forEach((size, k) => {
        const at = s * SIZES.length + k;
        if (!Number.isNaN(z))
          this.evidence[at] = Math.min(
            MOST,
            (1 + (this.evidence[at] as number)) * Math.exp(-size * (z + HABIT) - size ** 2 / 2),
          );
        total += this.evidence[at] as number;
      });
    }
    return total / this.evidence.length;
  }
}
