// Makes a version's baseline from reference requests: ranks of every score, the features' shape, the score that tells best. Publishing
// runs it once; the result is signed beside the version.
import { Baseline, type Ranks, type Tap } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import { projected } from '../../mesh/observing/projection.js';
import { extractionReference, type Query, queryOf } from '../fraud/extraction.js';
import { chooseScore } from './choose-score.js';
import { FUSED } from './fused.js';
import { fitClassDistances } from './class-distances.js';
import { constantAfter } from './faults.js';
import { classOf } from './logit-scores.js';
import { inTurns } from './in-turns.js';
import { bankOf } from './nearest.js';
import { type FittedFeatures, packFeatures } from './packed.js';
import { ranksOf } from './ranks.js';
import { FEATURE_SCORES, type Row, Scorer, scoresOf, SOURCE_OF } from './scores.js';
import { OUTPUT_SCORES } from './logit-scores.js';

export const REFERENCE_LEAST = 500;
const BANK_ROWS = 1_000;
/** Honest callers that are made of the reference, and what each asks at most. */
const [HONEST, HONEST_QUERIES] = [8, 1_000];
const NEARNESS_MAX = 256;

export interface Reference {
  readonly version: string;
  readonly input: string;
  readonly output: Baseline['output'];
  readonly tap?: Tap;
  /** What features are fitted on; may be what the model learned from. */
  readonly fit: readonly Row[];
  /** Clean requests that the model never learned from; 5,000 or more for a bound that holds as printed. */
  readonly clean: readonly Row[];
  /** Abnormal requests by family, to choose the score by. */
  readonly families: Readonly<Record<string, readonly Row[]>>;
}

/** Throws DATA_REFUSED where the reference is too small, or holds what is no number. */
export async function calibrate({ fit, clean, families, output, ...about }: Reference): Promise<Baseline> {
  if (clean.length < REFERENCE_LEAST)
    throw failure(
      'DATA_REFUSED',
      `A baseline takes ${REFERENCE_LEAST} clean reference requests, better 5,000: there are ${clean.length}.`,
    );
  const fitted = about.tap === undefined ? undefined : fitFeatures(fit);
  const single = await inTurns(clean, (row) => scoresOf(row, fitted));
  const scorer = new Scorer(fitted, allRanks(single));
  const ranked = (rows: readonly Row[]) => inTurns(rows, (row) => scorer.scores(row));
  const scores = await ranked(clean);
  const abnormal: Record<string, Record<string, number>[]> = {};
  for (const [family, rows] of Object.entries(families)) abnormal[family] = await ranked(rows);
  const { chosen, choice } = chooseScore(
    [...OUTPUT_SCORES, ...FEATURE_SCORES, ...Object.keys(FUSED)].filter(
      (name) => scores[0]?.[name] !== undefined,
    ),
    scores,
    abnormal,
  );
  return Baseline.parse({
    format: 1,
    samples: clean.length,
    ...about,
    output,
    ...(fitted === undefined ? {} : { features: packFeatures(fitted) }),
    streams: allRanks(scores),
    chosen,
    choice,
    classShares: sharesOf(clean, output.classes),
    ...nearnessOf(await honestQueries(clean, scores, allRanks(scores), chosen)),
    constantAfter: constantAfter(repeatsOf(clean), clean.length - 1),
  } satisfies Baseline);
}

/** Of every score that the requests have. */
const allRanks = (scores: readonly Readonly<Record<string, number>>[]) =>
  Object.keys(SOURCE_OF)
    .filter((name) => scores[0]?.[name] !== undefined)
    .map((name) =>
      ranksOf(
        name,
        SOURCE_OF[name] ?? 'output',
        scores.map((row) => row[name] ?? Number.NaN),
      ),
    );

/** Throws DATA_REFUSED where a row has no feature. */
export function fitFeatures(rows: readonly Row[]): FittedFeatures {
  const features = rows.map(({ feature, logits }) => {
    if (feature === undefined)
      throw failure('DATA_REFUSED', 'A reference row has no feature: run the tapped model on it.');
    return { feature, label: classOf(logits) };
  });
  const step = Math.max(1, Math.floor(features.length / BANK_ROWS));
  const bank = features.filter((_, i) => i % step === 0).slice(0, BANK_ROWS);
  return { classes: fitClassDistances(features), bank: bankOf(bank.map(({ feature }) => feature)) };
}

/** As callers would ask: each a part of the reference, drawn as it lies. */
async function honestQueries(
  clean: readonly Row[],
  scores: readonly Readonly<Record<string, number>>[],
  ranks: readonly Ranks[],
  chosen: string,
): Promise<Query[][]> {
  const queries = await inTurns(clean, (row, i) =>
    queryOf(row, projected(row.input), scores[i] ?? {}, ranks, chosen),
  );
  return Array.from({ length: HONEST }, (_, key) =>
    queries.filter((_query, i) => (i * 7 + key * 13) % HONEST !== 0).slice(0, HONEST_QUERIES),
  );
}

function nearnessOf(keys: readonly (readonly Query[])[]): Pick<Baseline, 'nearness'> {
  const { nearness } = extractionReference(keys);
  const known = [...nearness].slice(0, NEARNESS_MAX).map(([label, ranks]) => ({ label, ranks }));
  return known.length === 0 ? {} : { nearness: known };
}

function sharesOf(rows: readonly Row[], classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (const { logits } of rows) {
    const label = classOf(logits);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts.map((count) => count / rows.length);
}

const repeatsOf = (rows: readonly Row[]): number =>
  rows.filter((row, i) => i > 0 && sameNumbers(row.logits, rows[i - 1]?.logits ?? [])).length;

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
