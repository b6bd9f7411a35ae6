// How far a hidden feature lies from those of the reference data: distances to the classes in a common covariance. Calibration
// fits them, the watch measures every answer by them.
import { classOf } from './logit-scores.js';
import { type Whitening, squaredDistance, whitened, whiteningOf } from './whitening.js';

export interface ClassDistances {
  /** [classes][width]; empty for a class of which there was no example. */
  readonly means: readonly Float32Array[];
  /** Within the classes. */
  readonly within: Whitening;
  readonly mean: Float32Array;
  /** Of all rows about their common mean. */
  readonly overall: Whitening;
}

export interface FeatureRow {
  /** [width] */
  readonly feature: Float32Array;
  readonly label: number;
}

export function fitClassDistances(rows: readonly FeatureRow[]): ClassDistances {
  const classes = 1 + rows.reduce((most, { label }) => Math.max(most, label), 0);
  const means = Array.from({ length: classes }, (_, label) =>
    meanOf(rows.filter((row) => row.label === label).map(({ feature }) => feature)),
  );
  const mean = meanOf(rows.map(({ feature }) => feature));
  return {
    means,
    within: whiteningOf(rows.map(({ feature, label }) => less(feature, means[label] as Float32Array))),
    mean,
    overall: whiteningOf(rows.map(({ feature }) => less(feature, mean))),
  };
}

export interface FeatureScores {
  /** -min over classes of d_c (Lee et al., 2018). */
  readonly mds: number;
  /** d_0 - min d_c, d_0 about the common mean (Ren et al., 2021). */
  readonly rmds: number;
  /**
   * min d_c less the distance to the class that the answer names: 0 where both agree, far below where an answer is not what its
   * features say.
   */
  readonly agreement: number;
}

/** `answered`: the class that the model gave. */
export function featureScores(
  fit: ClassDistances,
  feature: ArrayLike<number>,
  answered: number,
): FeatureScores {
  const round = whitened(fit.within, feature);
  const distances = fit.means.map((mean, c) =>
    mean.length === 0 ? Infinity : distance(round, roundMean(fit, c)),
  );
  const nearest = distances[classOf(distances.map((d) => -d))] ?? Infinity;
  const own = distances[answered] ?? Infinity;
  return {
    mds: -nearest,
    rmds: squaredDistance(fit.overall, feature, fit.mean) - nearest,
    // A class that the reference never had is as far as it can be, but finite: it has a rank like every other.
    agreement: Math.max(nearest - own, -1e9),
  };
}

/** Means in round coordinates are the same for every answer. */
const rounds = new WeakMap<ClassDistances, Map<number, Float64Array>>();

function roundMean(fit: ClassDistances, label: number): Float64Array {
  const known = rounds.get(fit) ?? new Map<number, Float64Array>();
  rounds.set(fit, known);
  const found = known.get(label) ?? whitened(fit.within, fit.means[label] as Float32Array);
  known.set(label, found);
  return found;
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows)
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (row[i] as number);
  return Float32Array.from(sum, (value) => value / rows.length);
}

const less = (a: Float32Array, b: Float32Array): Float32Array =>
  a.map((value, i) => value - (b[i] as number));
