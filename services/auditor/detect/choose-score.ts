// Which score tells abnormal inputs best for this model: measured when it is published, since no score is best everywhere.
// calibrate.ts asks; so does whoever chooses a layer to tap.
import { auroc } from './auroc.js';

/** How far a chosen score may lie below the plainest one in any family. */
const BELOW_MSP_MAX = 0.005;

export interface ScoreChoice {
  readonly chosen: string;
  readonly choice: { score: string; auroc: Record<string, number> }[];
}

/**
 * `clean` and each family: one record of scores a request, higher is more normal. The highest mean AUROC over families wins among those
 * that are nowhere more than 0.005 below max-softmax; that one always is.
 */
export function chooseScore(
  candidates: readonly string[],
  clean: readonly Readonly<Record<string, number>>[],
  families: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>,
): ScoreChoice {
  const column = (rows: readonly Readonly<Record<string, number>>[], name: string) =>
    rows.map((row) => row[name] ?? Number.NaN);
  const choice = candidates.map((score) => ({
    score,
    auroc: Object.fromEntries(
      Object.entries(families).map(([family, rows]) => [
        family,
        auroc(column(clean, score), column(rows, score)),
      ]),
    ),
  }));
  const plain = choice.find(({ score }) => score === 'msp')?.auroc ?? {};
  const allowed = choice.filter((one) =>
    Object.entries(plain).every(([family, least]) => (one.auroc[family] ?? 0) >= least - BELOW_MSP_MAX),
  );
  const best = allowed.reduce<(typeof choice)[number] | undefined>(
    (found, one) => (found === undefined || meanOf(one.auroc) > meanOf(found.auroc) ? one : found),
    undefined,
  );
  return { chosen: best?.score ?? 'msp', choice };
}

export const meanOf = (figures: Readonly<Record<string, number>>): number => {
  const values = Object.values(figures);
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
};
