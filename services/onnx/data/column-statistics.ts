// Mean, deviation and quartiles of numbers that stream by: Welford's recurrence and a reservoir of a thousand. What the graph
// normalises with comes from here, learned on training rows alone. Preparation of tables and images asks.
import { seeded } from '../seeded.js';

const RESERVOIR = 1_024;
/** Tukey's "far out": beyond three times the spread of the middle half. */
const FENCE = 3;

export interface Statistics {
  readonly mean: number;
  /** 1 where all values are equal, so that dividing by it is harmless. */
  readonly deviation: number;
  /** Values beyond are drawn in to these. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly outliers: number;
}

export class RunningStatistics {
  private count = 0;
  private mean = 0;
  private squares = 0;
  private readonly sample: number[] = [];
  private readonly draw: () => number;

  constructor(seed: number) {
    const random = seeded(seed);
    this.draw = () => random.uniform();
  }

  add(value: number): void {
    this.count++;
    const delta = value - this.mean;
    this.mean += delta / this.count;
    this.squares += delta * (value - this.mean);
    if (this.sample.length < RESERVOIR) this.sample.push(value);
    else {
      const at = Math.floor(this.draw() * this.count);
      if (at < RESERVOIR) this.sample[at] = value;
    }
  }

  /** Without fences where the middle half is one value: there everything else would be an outlier. */
  summary(): Statistics {
    const sorted = this.sample.toSorted((a, b) => a - b);
    const quartile = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
    const spread = quartile(0.75) - quartile(0.25);
    const low = spread > 0 ? quartile(0.25) - FENCE * spread : -Infinity;
    const high = spread > 0 ? quartile(0.75) + FENCE * spread : Infinity;
    const beyond = sorted.filter((value) => value < low || value > high).length;
    return {
      mean: this.mean,
      deviation: Math.sqrt(this.squares / Math.max(1, this.count)) || 1,
      low,
      high,
      count: this.count,
      outliers: Math.round((beyond / Math.max(1, sorted.length)) * this.count),
    };
  }
}
