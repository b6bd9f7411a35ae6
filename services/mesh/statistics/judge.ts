// The verdict on a release: pure, so that the decision log gives it again. The controller asks at every look and every gate, the
// benchmark asks the same function. Guards look for harm with alpha shared among metrics and arms; gates ask for proof that it is
// absent. No data, old data, a sample-ratio alarm and "cannot say" never promote.
import {
  type Check,
  type CheckResult,
  type JudgeInput,
  type JudgeMemory,
  type Metric,
  type Verdict,
} from '../../../contracts/analysis.js';
import type { CheckContext } from './check-context.js';
import { checkErrors, checkSlow } from './check-failures.js';
import { checkFeedback, checkLatency, checkQuantile, checkShadow } from './check-values.js';
import { checkFresh, checkHorizon, checkMinimums, checkSampleRatio } from './check-premises.js';
import { frozenThreshold } from './slow-threshold.js';
import { strata, sumOver } from './strata.js';

/** Changes whenever the same input may get another verdict. */
const CODE_VERSION = 'release-statistics/2';

export function judge(input: JudgeInput): Verdict {
  const { candidates } = input;
  const sampleRatio = checkSampleRatio(input);
  const memory: JudgeMemory = {
    ...input.memory,
    sampleRatioAlarm: sampleRatio.result !== 'pass',
    slow: frozenThreshold(input),
  };
  const premises = [sampleRatio, checkFresh(input)];
  const judged = candidates.map((arm) => judgeArm(input, arm, memory.slow, premises));
  const checks = [...premises, ...judged.flatMap((one) => one.checks)];
  return {
    verdict: worst(judged.map(({ result }) => result)),
    arms: Object.fromEntries(judged.map(({ arm, result }) => [arm, result])),
    checks,
    memory,
    codeVersion: CODE_VERSION,
  };
}

function judgeArm(input: JudgeInput, arm: string, slow: JudgeMemory['slow'], premises: readonly Check[]) {
  const { analysis, evidence, baseline } = input;
  const all = strata(evidence, arm, baseline);
  const weights = sumOver(analysis.metrics, ({ alphaWeight }) => alphaWeight);
  const checks = analysis.metrics.flatMap((metric) =>
    checkMetric(metric, input, {
      arm,
      baseline,
      analysis,
      strata: all,
      alpha: (analysis.alpha * metric.alphaWeight) / (weights * input.candidates.length),
      mayFail: sumOver(all, ({ candidate }) => candidate.requests) >= analysis.rollback.requests,
      slow,
    }),
  );
  const minimums = checkMinimums(input, arm);
  const asked = checks.filter(({ role }) => role === 'guard' || analysis.gate === 'nonInferior');
  const open = worst([...premises, minimums, ...asked].map(({ result }) => result));
  const horizon = checkHorizon(input, arm, open);
  return {
    arm,
    checks: [minimums, ...checks, ...horizon],
    result: worst([open, ...horizon.map(({ result }) => result)]),
  };
}

function checkMetric(metric: Metric, { evidence }: JudgeInput, context: CheckContext): Check[] {
  switch (metric.kind) {
    case 'errors':
      return checkErrors(context, metric);
    case 'slow':
      return checkSlow(context, metric);
    case 'latency':
      return checkLatency(context, metric);
    case 'quantile':
      return checkQuantile(context, metric);
    case 'feedback':
      return checkFeedback(context, metric);
    case 'shadow':
      return checkShadow(
        { ...context, mayFail: true },
        evidence.epochs.flatMap(({ arms }) => arms[context.arm] ?? []),
        metric,
      );
  }
}

function worst(results: readonly CheckResult[]): CheckResult {
  if (results.includes('fail')) return 'fail';
  return results.includes('inconclusive') ? 'inconclusive' : 'pass';
}
