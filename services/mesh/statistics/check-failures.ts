// The checks that count events: failed calls and slow calls. Harm and its absence are both told by the arms of the events.
import type { Check, Metric } from '../../../contracts/analysis.js';
import { type CheckContext, gate, guard, noData, percent } from './check-context.js';
import { type FailureCounts, lnNotWorse, lnWorse } from './failure-share.js';
import { lnBelow, upperLimit } from './rate-bet.js';
import { slowBin } from './slow-threshold.js';
import { countAbove, failureCounts, sumOver, units } from './strata.js';

interface Events {
  readonly name: string;
  readonly what: string;
  readonly counts: readonly FailureCounts[];
  readonly candidateTotal: number;
  readonly baselineTotal: number;
  readonly ratioMax: number;
  readonly rateMax: number | undefined;
  readonly numbers: Record<string, number>;
}

export function checkErrors(context: CheckContext, metric: Extract<Metric, { kind: 'errors' }>): Check[] {
  const { strata } = context;
  const total = sumOver(strata, ({ candidate }) => units(candidate));
  if (total === 0) return noData(context, 'errors', 'a call of the candidate');
  return checkEvents(context, {
    name: 'errors',
    what: 'failing',
    counts: failureCounts(strata),
    candidateTotal: total,
    baselineTotal: sumOver(strata, ({ baseline }) => units(baseline)),
    ratioMax: metric.ratioMax,
    rateMax: metric.rateMax,
    numbers: {},
  });
}

export function checkSlow(context: CheckContext, metric: Extract<Metric, { kind: 'slow' }>): Check[] {
  const { slow, strata } = context;
  if (!slow) return noData(context, 'slow', 'enough calls of the baseline to freeze a threshold');
  const bin = slowBin(slow.thresholdMs);
  const before = (epoch: number, arm: string) =>
    slow.before.find((known) => known.epoch === epoch && known.arm === arm);
  const counted = strata.map(({ epoch, share, candidate, baseline }) => {
    const [ours, theirs] = [before(epoch, context.arm), before(epoch, context.baseline)];
    return {
      share,
      candidate: countAbove(candidate, bin) - (ours?.above ?? 0),
      baseline: countAbove(baseline, bin) - (theirs?.above ?? 0),
      candidateTotal: (candidate.latency?.count ?? 0) - (ours?.count ?? 0),
      baselineTotal: (baseline.latency?.count ?? 0) - (theirs?.count ?? 0),
    };
  });
  const candidateTotal = sumOver(counted, (one) => one.candidateTotal);
  if (candidateTotal <= 0) return noData(context, 'slow', 'an answer of the candidate');
  return checkEvents(context, {
    name: 'slow',
    what: `slower than ${slow.thresholdMs.toFixed(1)} ms`,
    counts: counted,
    candidateTotal,
    baselineTotal: sumOver(counted, (one) => one.baselineTotal),
    ratioMax: metric.ratioMax,
    rateMax: metric.rateMax,
    numbers: { thresholdMs: slow.thresholdMs },
  });
}

function checkEvents(context: CheckContext, events: Events): Check[] {
  const { name, what, counts, candidateTotal, baselineTotal, ratioMax, rateMax } = events;
  const hits = sumOver(counts, ({ candidate }) => candidate);
  const baselineHits = sumOver(counts, ({ baseline }) => baseline);
  const why = `${hits} of ${candidateTotal} ${what} (${percent(hits, candidateTotal)}), baseline ${baselineHits} of ${baselineTotal} (${percent(baselineHits, baselineTotal)})`;
  const numbers = { ...events.numbers, hits, total: candidateTotal, baselineHits, baselineTotal };
  const harm = guard(
    context,
    { name, lnE: lnWorse(counts), why, numbers },
    hits >= context.analysis.rollback.failingUsers,
  );
  const rate = { hits, total: candidateTotal };
  const relative = lnNotWorse(counts, ratioMax);
  const absolute = rateMax === undefined ? 0 : lnBelow(rate, rateMax);
  const fit = gate(context, {
    name,
    lnE: Math.max(relative, absolute),
    why: `${why}; at most ${percent(upperLimit(rate, context.analysis.alpha), 1)}`,
    numbers: { ...numbers, ratioMax, lnRelative: relative, lnAbsolute: absolute },
  });
  return [harm, fit];
}
