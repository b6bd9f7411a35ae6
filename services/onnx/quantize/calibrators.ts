// From how values lie to the range that integers cover. minMax loses nothing and wastes levels on outliers; the others clip
// some values so that the rest get finer steps. Pure; static quantization and its feedback choose among them.
import type { Range } from './affine.js';
import type { Histogram } from './histogram.js';

export type Calibrator = 'minMax' | 'percentile' | 'entropy' | 'squares';

const PERCENTILE = 99.99;

export function rangeOf(
  histogram: Histogram,
  calibrator: Calibrator,
  levels = 256,
  percentile = PERCENTILE,
): Range {
  switch (calibrator) {
    case 'minMax':
      return histogram.range;
    case 'percentile':
      return within(histogram, percentileThreshold(histogram, percentile));
    case 'entropy':
      return within(histogram, entropyThreshold(histogram, levels));
    case 'squares':
      return within(histogram, squaresThreshold(histogram, levels));
  }
}

function within(histogram: Histogram, threshold: number): Range {
  const { lowest, highest } = histogram.range;
  return { lowest: Math.max(lowest, -threshold), highest: Math.min(highest, threshold) };
}

/** The size that `percentile` percent of the values stay below. */
function percentileThreshold(histogram: Histogram, percentile: number): number {
  const counts = histogram.magnitudes();
  const wanted = (sum(counts) * percentile) / 100;
  let seen = 0;
  const at = counts.findIndex((count) => (seen += count) >= wanted);
  return (at < 0 ? counts.length : at + 1) * histogram.binWidth;
}

/** Quantized levels on one side: signed values share them with the other sign. */
const levelsOfSide = (histogram: Histogram, levels: number): number =>
  histogram.range.lowest < 0 ? levels / 2 : levels;

const COARSE_STEP = 8;

/** The threshold of which the clipped distribution and its quantized form are closest (Migacz, 8-bit inference with TensorRT, 2017). */
function entropyThreshold(histogram: Histogram, levels: number): number {
  const counts = histogram.magnitudes();
  // Exact zeros, from Relu and padding, are represented exactly by any range: they must not decide.
  counts[0] = counts[1] ?? 0;
  const side = Math.min(levelsOfSide(histogram, levels), counts.length);
  return best(counts.length, side, (size) => divergence(counts, size, side)) * histogram.binWidth;
}

/** The threshold of the least mean squared error, rounding inside and clipping beyond. */
function squaresThreshold(histogram: Histogram, levels: number): number {
  const counts = histogram.magnitudes();
  const side = levelsOfSide(histogram, levels);
  const error = (size: number): number => {
    const inside = ((size / side) ** 2 / 12) * sum(counts.subarray(0, size));
    let beyond = 0;
    for (let i = size; i < counts.length; i++) beyond += (counts[i] ?? 0) * (i + 0.5 - size) ** 2;
    return inside + beyond;
  };
  return best(counts.length, Math.min(COARSE_STEP, side), error) * histogram.binWidth;
}

/** How many bins to keep, by a coarse search and a fine one around its best; the larger of equals. */
function best(bins: number, smallest: number, cost: (size: number) => number): number {
  const search = (from: number, to: number, step: number): number => {
    let found = to;
    let least = cost(to);
    for (let size = to - step; size >= from; size -= step) {
      const value = cost(size);
      if (value < least) [found, least] = [size, value];
    }
    return found;
  };
  const coarse = search(smallest, bins, COARSE_STEP);
  return search(Math.max(smallest, coarse - COARSE_STEP), Math.min(bins, coarse + COARSE_STEP), 1);
}

const LEAST_SHARE = 1e-4; // a tail in a bin that was empty has no Q of its own, which must not rule the size out

/** KL(P || Q) of the first `size` bins: P has the clipped tail in its last bin, Q is what `levels` levels can tell of them. */
function divergence(counts: Float64Array, size: number, levels: number): number {
  const tail = sum(counts.subarray(size));
  const inside = sum(counts.subarray(0, size));
  if (inside === 0) return Infinity;
  let total = 0;
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * size) / levels);
    const to = Math.floor(((level + 1) * size) / levels);
    let mass = 0;
    let filled = 0;
    for (let i = from; i < to; i++) {
      mass += counts[i] ?? 0;
      if ((counts[i] ?? 0) > 0 || (i === size - 1 && tail > 0)) filled++;
    }
    if (filled === 0) continue;
    const q = Math.max(mass / filled / inside, LEAST_SHARE / size);
    for (let i = from; i < to; i++) {
      const count = (counts[i] ?? 0) + (i === size - 1 ? tail : 0);
      const p = count / (inside + tail);
      if (p > 0) total += p * Math.log(p / q);
    }
  }
  return total;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
