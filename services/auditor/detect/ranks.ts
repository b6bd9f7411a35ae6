// A score as a deviation from the reference: its rank there, read on a normal scale. Scores of any shape become comparable, and what is
// said about false alarms holds whatever their distribution is.
import type { Ranks, StreamSource } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import { normalQuantile } from './normal-quantile.js';

/** Values kept of a distribution: every one of the outer ones, the others evenly by rank. */
const KEPT = 1_024;
const OUTER = 128;

/** Throws DATA_REFUSED where a score is no number. */
export function ranksOf(name: string, source: StreamSource, scores: readonly number[]): Ranks {
  const broken = scores.findIndex((score) => !Number.isFinite(score));
  if (scores.length === 0 || broken !== -1)
    throw failure(
      'DATA_REFUSED',
      `The score ${name} is no number for reference request ${broken}: take it out.`,
      { name },
    );
  const sorted = Float64Array.from(scores).sort();
  const points = middles(sorted);
  const kept = points.length <= KEPT ? points : points.filter((_, i) => isKept(i, points.length));
  return {
    name,
    source,
    samples: scores.length,
    values: kept.map(({ value }) => value),
    below: kept.map(({ below }) => below),
    autocorrelation: autocorrelationOf(scores),
  };
}

/** Deviations of the reference by which a score lies above its middle; at most what its size can tell. NaN for NaN. */
export const deviationOf = (ranks: Ranks, score: number): number => normalQuantile(shareOf(ranks, score));

/** Share of the reference below a score, strictly between 0 and 1. NaN for NaN. */
export function shareOf({ samples, values, below }: Ranks, score: number): number {
  if (Number.isNaN(score)) return Number.NaN;
  return (belowOf(values, below, samples, score) + 0.5) / (samples + 1);
}

function belowOf(
  values: readonly number[],
  below: readonly number[],
  samples: number,
  score: number,
): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) < score) low = middle + 1;
    else high = middle;
  }
  const next = values[low];
  if (next === undefined) return samples;
  if (next === score) return below[low] as number;
  if (low === 0) return 0;
  const before = values[low - 1] as number;
  const from = below[low - 1] as number;
  return from + ((below[low] as number) - from) * ((score - before) / (next - before));
}

/** Each value once, with how many lie below it when its equals count half. */
function middles(sorted: Float64Array): { value: number; below: number }[] {
  const points: { value: number; below: number }[] = [];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (end < sorted.length && sorted[end] === sorted[i]) end++;
    points.push({ value: sorted[i] as number, below: (i + end) / 2 });
    i = end;
  }
  return points;
}

function isKept(i: number, count: number): boolean {
  if (i < OUTER || i >= count - OUTER) return true;
  const [places, span] = [KEPT - 2 * OUTER, count - 2 * OUTER];
  return Math.floor(((i - OUTER) * places) / span) !== Math.floor(((i - OUTER - 1) * places) / span);
}

function autocorrelationOf(scores: readonly number[]): number {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  let [together, squares] = [0, 0];
  scores.forEach((score, i) => {
    squares += (score - mean) ** 2;
    if (i > 0) together += (score - mean) * ((scores[i - 1] as number) - mean);
  });
  return squares === 0 ? 0 : together / squares;
}
