// How the values of one tensor lie, in bounded memory whatever the number of samples: 2,048 bins over [-reach, reach]. A value
// beyond doubles the reach and joins the bins in pairs. Calibration keeps one a tensor.
import type { Range } from './affine.js';

export const BINS = 2_048;

export class Histogram {
  readonly bins = new Float64Array(BINS);
  private reach = 0;
  private total = 0;
  private least = Infinity;
  private most = -Infinity;

  /** Returns false, and counts nothing, where a value is NaN or infinite. */
  add(values: Float32Array): boolean {
    let [least, most] = [this.least, this.most];
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      if (!Number.isFinite(value)) return false;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    this.total += values.length;
    this.least = least;
    this.most = most;
    this.extend(Math.max(Math.abs(least), Math.abs(most)));
    if (this.reach === 0) return true;
    const half = BINS / 2;
    const perUnit = half / this.reach;
    for (let i = 0; i < values.length; i++) {
      const at = Math.min(BINS - 1, Math.floor((values[i] ?? 0) * perUnit + half));
      this.bins[at] = (this.bins[at] ?? 0) + 1;
    }
    return true;
  }

  get range(): Range {
    return this.least > this.most ? { lowest: 0, highest: 0 } : { lowest: this.least, highest: this.most };
  }

  /** How many values were counted. */
  get count(): number {
    return this.total;
  }

  get binWidth(): number {
    return (2 * this.reach) / BINS;
  }

  /** Counts by size, both signs together: bin i holds |x| from i to i + 1 bin widths. */
  magnitudes(): Float64Array {
    const half = BINS / 2;
    return Float64Array.from(
      { length: half },
      (_, i) => (this.bins[half + i] ?? 0) + (this.bins[half - 1 - i] ?? 0),
    );
  }

  private extend(needed: number): void {
    if (!(needed > this.reach)) return;
    if (this.reach === 0) {
      this.reach = needed;
      return;
    }
    while (this.reach < needed) {
      this.reach *= 2;
      this.joinPairs();
    }
  }

  private joinPairs(): void {
    const half = BINS / 2;
    const old = this.bins.slice();
    this.bins.fill(0);
    for (let i = 0; i < BINS; i++) {
      const at = half + Math.floor((i - half) / 2);
      this.bins[at] = (this.bins[at] ?? 0) + (old[i] ?? 0);
    }
  }
}
