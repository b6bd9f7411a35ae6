// Which of the recipes that were tried is the answer. Pure: shares against the parent in, a choice or nothing out. The search asks.
import type { CompressJob } from '../../../contracts/compress-job.js';
import type { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import type { RecipeTrial } from '../../../contracts/compress-report.js';

type Budget = CompressionRecipe['budget'];
type How = CompressJob['how'];

/** A version that is only to be smaller may be as slow as it likes: nobody asked for more. */
const ANY_LATENCY = 10;
const USUAL_LATENCY = 0.97;

/** What a version has to keep that came out of a target; of an edge device the shares alone, its units are judged beside. */
export function budgetOf(how: Exclude<How, { kind: 'recipe' }>): Budget {
  if (how.kind === 'edge') return { drop: how.drop, size: 1, latency: ANY_LATENCY };
  const { size, latency, drop } = how.target;
  const usual = size === undefined ? USUAL_LATENCY : ANY_LATENCY;
  return { drop, size: size ?? 1, latency: latency ?? usual };
}

type Measured = RecipeTrial & { readonly size: number; readonly latency: number; readonly drop: number };
const isMeasured = (trial: RecipeTrial): trial is Measured =>
  trial.size !== undefined && trial.latency !== undefined && trial.drop !== undefined;

/** No other is at least as good in size, latency and drop, and better in one (Pareto). */
export function withPareto(trials: readonly RecipeTrial[]): RecipeTrial[] {
  const measured = trials.filter(isMeasured);
  const beats = (a: Measured, b: Measured): boolean =>
    a.size <= b.size &&
    a.latency <= b.latency &&
    a.drop <= b.drop &&
    (a.size < b.size || a.latency < b.latency || a.drop < b.drop);
  return trials.map((trial) => ({
    ...trial,
    pareto: isMeasured(trial) && !measured.some((other) => beats(other, trial)),
  }));
}

/** Of those that keep the budget the one with the least size x latency; of none, undefined. */
export function best(trials: readonly RecipeTrial[]): RecipeTrial | undefined {
  return trials
    .filter(isMeasured)
    .filter(({ meets }) => meets)
    .toSorted((a, b) => a.size * a.latency - b.size * b.latency)[0];
}

/** The one that comes nearest: what a refusal speaks of. */
export function nearest(trials: readonly RecipeTrial[], budget: Budget): RecipeTrial | undefined {
  const miss = ({ size, latency, drop }: Measured): number =>
    Math.max(0, size / budget.size - 1) +
    Math.max(0, latency / budget.latency - 1) +
    Math.max(0, drop - budget.drop) * 20;
  return trials.filter(isMeasured).toSorted((a, b) => miss(a) - miss(b))[0];
}
