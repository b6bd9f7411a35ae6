// From which latency on a call is called slow. Given by the release, or the baseline's quantile at the first look that has enough
// of it, frozen there: the calls that chose the threshold are not judged by it, so the test stays exact.
import type { Analysis, JudgeInput, JudgeMemory } from '../../../contracts/analysis.js';
import type { Metric } from '../../../contracts/analysis.js';
import { binOf, edgeMs } from '../evidence/latency-bins.js';
import { position } from './quantile-difference.js';
import { countAbove, histogramOf } from './strata.js';

type SlowMetric = Extract<Metric, { kind: 'slow' }>;
type SlowMemory = JudgeMemory['slow'];

/** Calls of the baseline that freeze the threshold. */
const FREEZE_COUNT = 200;

export const slowMetric = (analysis: Analysis): SlowMetric | undefined =>
  analysis.metrics.find((metric) => metric.kind === 'slow');

/** The bin that ends nearest above the threshold: calls in later bins are slow. */
export const slowBin = (thresholdMs: number): number => binOf(thresholdMs * (1 - 1e-9));

/** What is to be remembered from now on; undefined while there is too little of the baseline. */
export function frozenThreshold({ analysis, evidence, baseline, memory }: JudgeInput): SlowMemory {
  const metric = slowMetric(analysis);
  if (!metric || memory.slow) return memory.slow;
  if (metric.thresholdMs !== undefined) return { thresholdMs: metric.thresholdMs, before: [] };
  const pooled = evidence.epochs
    .flatMap(({ arms }) => arms[baseline] ?? [])
    .map(histogramOf)
    .reduce<number[]>((sum, bins) => bins.map((count, i) => count + (sum[i] ?? 0)), []);
  if (pooled.reduce((sum, count) => sum + count, 0) < FREEZE_COUNT) return undefined;
  const bin = slowBin(edgeMs(Math.floor(position(pooled, metric.quantile))) + metric.leastMs);
  const before = evidence.epochs.flatMap(({ epoch, arms }) =>
    Object.entries(arms).map(([arm, counted]) => ({
      epoch,
      arm,
      count: counted.latency?.count ?? 0,
      above: countAbove(counted, bin),
    })),
  );
  return { thresholdMs: edgeMs(bin), before };
}
