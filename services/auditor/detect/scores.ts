// All scores of one request, of what came in, what went out and what lay between. Calibration ranks them, the watch follows them.
import type { Ranks, StreamSource } from '../../../contracts/detection.js';
import { featureScores } from './class-distances.js';
import { FUSED, fusedScores } from './fused.js';
import {
  INPUT_STATISTICS,
  type InputStatistic,
  inputStatistics,
} from '../../mesh/observing/input-statistics.js';
import { classOf, OUTPUT_SCORES, outputScores } from './logit-scores.js';
import { nearestScore } from './nearest.js';
import type { FittedFeatures } from './packed.js';

/** One request, or one row of a request of several. */
export interface Row {
  /** In any shape, flat. */
  readonly input: ArrayLike<number>;
  /** Of the input, where somebody made them before. */
  readonly statistics?: Readonly<Record<InputStatistic, number>>;
  /** Logits [classes]; logarithms of probabilities where nothing else is known. */
  readonly logits: ArrayLike<number>;
  /** What the tap gave, averaged to its width. */
  readonly feature?: Float32Array;
}

export const FEATURE_SCORES = ['mds', 'rmds', 'knn', 'agreement'] as const;

export const SOURCE_OF: Readonly<Record<string, StreamSource>> = {
  ...Object.fromEntries(INPUT_STATISTICS.map((name) => [name, 'input' as const])),
  ...Object.fromEntries(OUTPUT_SCORES.map((name) => [name, 'output' as const])),
  ...Object.fromEntries(
    [...FEATURE_SCORES, ...Object.keys(FUSED)].map((name) => [name, 'intermediate' as const]),
  ),
};

/** Makes the scores of a version's requests; `ranks` of single scores are what fused ones are made of. */
export class Scorer {
  private readonly ranks: ReadonlyMap<string, Ranks>;

  constructor(
    private readonly fitted?: FittedFeatures,
    ranks: readonly Ranks[] = [],
  ) {
    this.ranks = new Map(ranks.map((one) => [one.name, one]));
  }

  scores(row: Row): Record<string, number> {
    const single = scoresOf(row, this.fitted);
    return { ...single, ...fusedScores(this.ranks, single) };
  }
}

/** By name, single ones. Without fitted features, or without a feature, the intermediate ones are absent. */
export function scoresOf(
  { input, statistics, logits, feature }: Row,
  fitted?: FittedFeatures,
): Record<string, number> {
  const scores = { ...(statistics ?? inputStatistics(input)), ...outputScores(logits) };
  if (fitted === undefined || feature === undefined) return scores;
  return {
    ...scores,
    ...featureScores(fitted.classes, feature, classOf(logits)),
    knn: nearestScore(fitted.bank, feature),
  };
}

/** Probabilities as logits; 1e-30 stands for those that were rounded to 0. */
export const fromProbabilities = (p: ArrayLike<number>): Float64Array =>
  Float64Array.from(p, (share) => Math.log(Math.max(share, 1e-30)));
