// The checks that measure: mean and quantile of latency, numbers that callers report, and a shadow's answers beside the real ones.
import type { Check, Metric } from '../../../contracts/analysis.js';
import type { ShadowEvidence } from '../../../contracts/evidence.js';
import { ratioInBins } from '../evidence/latency-bins.js';
import { type CheckContext, gate, guard, noData, percent, round } from './check-context.js';
import { type MeanDifference, meanDifference, pairedMean, type Sums } from './mean-difference.js';
import { lnQuantileAbove, lnQuantileBelow, position } from './quantile-difference.js';
import { lnAbove, lnBelow } from './rate-bet.js';
import { feedbackOf, histogramOf, lnLatency, type Stratum, sumOver } from './strata.js';

type Of<K extends Metric['kind']> = Extract<Metric, { kind: K }>;

export function checkLatency(context: CheckContext, metric: Of<'latency'>): Check[] {
  const pairs = context.strata.map((one) => ({
    candidate: lnLatency(one.candidate),
    baseline: lnLatency(one.baseline),
  }));
  const harmless = Math.log1p(metric.leastMs / usualMs(pairs.map(({ baseline }) => baseline)));
  return checkMeans(
    context,
    'latency',
    pairs,
    { harmless, accepted: Math.max(harmless, Math.log1p(metric.slowdownMax)) },
    (ln) => `${round(100 * Math.expm1(ln))} % slower on the mean`,
  );
}

/** The geometric mean of all epochs; 1 while nothing was counted. */
function usualMs(lnLatencies: readonly Sums[]): number {
  const count = sumOver(lnLatencies, (one) => one.count);
  return count === 0 ? 1 : Math.exp(sumOver(lnLatencies, (one) => one.sum) / count);
}

export function checkFeedback(context: CheckContext, metric: Of<'feedback'>): Check[] {
  const sign = metric.better === 'lower' ? 1 : -1;
  const worse = (arm: Stratum['candidate']): Sums => {
    const { count, sum, sum2 } = feedbackOf(arm, metric.metric);
    return { count, sum: sign * sum, sum2 };
  };
  const pairs = context.strata.map((one) => ({
    candidate: worse(one.candidate),
    baseline: worse(one.baseline),
  }));
  const name = `feedback:${metric.metric}`;
  const bounds = { harmless: 0, accepted: metric.margin };
  return checkMeans(context, name, pairs, bounds, (by) => `worse by ${round(by)} on the mean`);
}

/** For values of which more is worse. */
function checkMeans(
  context: CheckContext,
  name: string,
  pairs: readonly { readonly candidate: Sums; readonly baseline: Sums }[],
  bounds: Bounds,
  say: (difference: number) => string,
): Check[] {
  const harm = meanDifference(pairs, context.alpha);
  const fit = meanDifference(pairs, context.analysis.alpha);
  if (!harm || !fit) return noData(context, name, '100 values of each arm');
  return bounded(context, name, harm, fit, bounds, say(harm.difference));
}

const NO_MARGIN = { harmless: 0, accepted: 0 };

/** How much worse is no harm, and how much worse a promotion still accepts. */
interface Bounds {
  readonly harmless: number;
  readonly accepted: number;
}

/** A confidence sequence excludes "no harm" above what is harmless, and "worse than accepted" below that; told as evidence of its alpha. */
function bounded(
  context: CheckContext,
  name: string,
  harm: MeanDifference,
  fit: MeanDifference,
  { harmless, accepted }: Bounds,
  why: string,
): Check[] {
  const { difference, candidates, baselines } = harm;
  const numbers = { difference, candidates, baselines };
  const shown = (excluded: boolean, alpha: number) => (excluded ? Math.log(1 / alpha) : 0);
  const low = difference - harm.margin;
  const high = fit.difference + fit.margin;
  return [
    guard(context, {
      name,
      lnE: shown(low > harmless, context.alpha),
      why,
      numbers: { ...numbers, low, harmless },
    }),
    gate(context, {
      name,
      lnE: shown(high < accepted, context.analysis.alpha),
      why: `${why}, at most ${round(high)} where ${round(accepted)} is accepted`,
      numbers: { ...numbers, high, accepted },
    }),
  ];
}

export function checkQuantile(context: CheckContext, { quantile: z, slowdownMax }: Of<'quantile'>): Check[] {
  const measured = context.strata
    .map(({ candidate, baseline }) => ({ ours: histogramOf(candidate), theirs: histogramOf(baseline) }))
    .filter(({ ours, theirs }) => total(ours) > 0 && total(theirs) > 0);
  if (measured.length === 0) return noData(context, 'quantile', 'answers of both arms');
  const shift = Math.floor(ratioInBins(1 + slowdownMax));
  // The best epoch speaks, and pays for having been chosen.
  const best = (ln: (one: (typeof measured)[number]) => number) =>
    Math.max(...measured.map(ln)) - Math.log(measured.length);
  const last = measured.at(-1) as (typeof measured)[number];
  const slower = 2 ** ((position(last.ours, z) - position(last.theirs, z)) / ratioInBins(2)) - 1;
  const why = `p${round(100 * z)} ${round(100 * slower)} % slower`;
  const numbers = { slower, epochs: measured.length, shift };
  const name = 'quantile';
  return [
    guard(context, { name, lnE: best(({ ours, theirs }) => lnQuantileAbove(ours, theirs, z)), why, numbers }),
    gate(context, {
      name,
      lnE: best(({ ours, theirs }) => lnQuantileBelow(ours, theirs, z, shift)),
      why,
      numbers,
    }),
  ];
}

/** Of a shadow arm: its own answers, whatever weight it has. */
export function checkShadow(
  context: CheckContext,
  shadows: readonly Stratum['candidate'][],
  metric: Of<'shadow'>,
): Check[] {
  const seen = shadows.flatMap(({ shadow }) => shadow ?? []);
  const pairs = sumOver(seen, (one) => one.pairs);
  if (pairs === 0) return noData(context, 'shadow', 'a pair of answers');
  // A shadow that fails agrees with nobody.
  const hits = sumOver(seen, (one) => one.disagreed + one.failed);
  const counts = { hits, total: pairs };
  const diffMax = Math.max(...seen.map((one) => one.diffMax));
  const tooFar = metric.diffMax !== undefined && diffMax > metric.diffMax;
  const why = `${hits} of ${pairs} pairs disagree (${percent(hits, pairs)}), largest difference ${round(diffMax)}`;
  const numbers = { hits, total: pairs, diffMax };
  const { disagreeMax, slowdownMax } = metric;
  const never = Number.MAX_VALUE;
  // Two questions share what the metric has of alpha.
  const alone = slowdownMax === undefined ? context : { ...context, alpha: context.alpha / 2 };
  return [
    guard(alone, { name: 'shadow', lnE: tooFar ? never : lnAbove(counts, disagreeMax), why, numbers }),
    gate(alone, { name: 'shadow', lnE: tooFar ? 0 : lnBelow(counts, disagreeMax), why, numbers }),
    ...(slowdownMax === undefined ? [] : checkShadowLatency(alone, seen, slowdownMax)),
  ];
}

/** Pair by pair: what a request costs anywhere falls out of the difference. */
function checkShadowLatency(
  context: CheckContext,
  seen: readonly ShadowEvidence[],
  slowdownMax: number,
): Check[] {
  const name = 'shadow latency';
  const pairs = {
    count: sumOver(seen, (one) => one.pairs - one.failed),
    sum: sumOver(seen, (one) => one.lnRatioSum),
    sum2: sumOver(seen, (one) => one.lnRatioSum2),
  };
  const accepted = Math.log1p(slowdownMax);
  const harm = pairedMean(pairs, context.alpha);
  const fit = pairedMean(pairs, context.analysis.alpha);
  if (!harm || !fit) return noData(context, name, '100 pairs of answers');
  // A shadow may be slower by as much as was said: harm begins above that.
  const over = { ...harm, difference: harm.difference - accepted };
  const why = `${round(100 * Math.expm1(harm.difference))} % slower, pair by pair`;
  return bounded(context, name, over, { ...fit, difference: fit.difference - accepted }, NO_MARGIN, why);
}

const total = (histogram: readonly number[]): number => sumOver(histogram, (count) => count);
