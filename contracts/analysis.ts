// The `analysis` part of a release spec, and the verdict that comes of it. What the tests are: docs/release-statistics.md.
import { z } from 'zod';
import { EndpointEvidence } from './evidence.js';
import { MetricName } from './feedback.js';
import { ArmName } from './traffic.js';

/** Share of alpha that a metric's guard gets, against the others. */
const alphaWeight = (otherwise: number) => z.number().positive().max(100).default(otherwise);
/** Times as many as on the baseline that a promotion still accepts. */
const ratioMax = z.number().gt(1).max(100).default(2);
/** Below this rate a promotion needs no comparison with the baseline. */
const rateMax = z.number().positive().lt(1).optional();
const quantile = z.number().min(0.5).max(0.999).default(0.95);
/** Slower by less is no harm, whatever share it is: a process that gets a tenth of the calls wakes up colder for each. */
const leastMs = z.number().min(0).max(60_000).default(0);

/** Calls that the arm failed. */
const ErrorsMetric = z.strictObject({
  kind: z.literal('errors'),
  ratioMax,
  rateMax: rateMax.default(0.005),
  alphaWeight: alphaWeight(8),
});

/** Calls slower than a threshold; without one: the baseline's quantile when the release began to be judged, frozen. */
const SlowMetric = z.strictObject({
  kind: z.literal('slow'),
  thresholdMs: z.number().positive().optional(),
  quantile,
  /** Above the baseline's quantile. */
  leastMs,
  ratioMax,
  rateMax,
  alphaWeight: alphaWeight(1),
});

/** Mean of ln latency: everything a little slower. */
const LatencyMetric = z.strictObject({
  kind: z.literal('latency'),
  /** 0.1 = a promotion accepts 10 % slower. */
  slowdownMax: z.number().positive().max(10).default(0.1),
  leastMs,
  alphaWeight: alphaWeight(1),
});

/** A quantile of one arm against the same of the other. */
const QuantileMetric = z.strictObject({
  kind: z.literal('quantile'),
  quantile,
  slowdownMax: z.number().min(0.1).max(10).default(0.25),
  alphaWeight: alphaWeight(1),
});

/** A number that callers report with massif.feedback. */
const FeedbackMetric = z.strictObject({
  kind: z.literal('feedback'),
  metric: MetricName,
  better: z.enum(['higher', 'lower']),
  /** How much worse a promotion still accepts, in the metric's own unit. */
  margin: z.number().positive(),
  /** Nobody reports it yet: callers begin when the new version serves. Without it such a metric is refused when the spec is applied. */
  newMetric: z.boolean().optional(),
  alphaWeight: alphaWeight(1),
});

/** Answers to the same requests, side by side. */
const ShadowMetric = z.strictObject({
  kind: z.literal('shadow'),
  /** Share of pairs that may disagree. */
  disagreeMax: z.number().positive().max(0.5).default(0.01),
  /** No pair may differ by more. */
  diffMax: z.number().positive().optional(),
  /** How much slower, on the mean of pairs, is accepted; not looked at when absent. */
  slowdownMax: z.number().positive().max(10).optional(),
  alphaWeight: alphaWeight(1),
});

export const Metric = z.discriminatedUnion('kind', [
  ErrorsMetric,
  SlowMetric,
  LatencyMetric,
  QuantileMetric,
  FeedbackMetric,
  ShadowMetric,
]);
export type Metric = z.infer<typeof Metric>;

/** Two metrics of one name would be one alarm told twice. */
export const metricName = (metric: Metric): string =>
  metric.kind === 'feedback' ? `feedback:${metric.metric}` : metric.kind;

export const Analysis = z.strictObject({
  /** Chance that a release as good as its baseline is rolled back, over all looks, metrics and arms together. */
  alpha: z.number().min(0.0001).max(0.2).default(0.05),
  metrics: z
    .array(Metric)
    .min(1)
    .max(8)
    .refine((metrics) => new Set(metrics.map(metricName)).size === metrics.length, {
      message: 'each metric may be named once',
    })
    .prefault([{ kind: 'errors' }, { kind: 'slow' }, { kind: 'latency' }]),
  /** `nonInferior`: a gate opens once every metric is shown to be no worse than its margin. `minimums`: once the minimums are
   * reached and no guard has failed; quicker, and says less. */
  gate: z.enum(['nonInferior', 'minimums']).default('nonInferior'),
  /** No verdict for the worse before this much was seen of the candidate ... */
  rollback: z
    .strictObject({ requests: z.int().min(1).default(20), failingUsers: z.int().min(1).default(5) })
    .prefault({}),
  /** ... and none for the better before this much, in the current epoch. Users count where calls name them. */
  promotion: z
    .strictObject({
      seconds: z.number().min(0).default(60),
      requests: z.int().min(1).default(200),
      users: z.int().min(0).default(50),
    })
    .prefault({}),
  /** Evidence older than this is no evidence. */
  staleAfterMs: z.int().min(1_000).max(600_000).default(15_000),
  /** Without a verdict after so long the release holds, says so, and is rolled back. */
  horizonMs: z
    .int()
    .min(1_000)
    .max(90 * 86_400_000)
    .default(24 * 3_600_000),
});
export type Analysis = z.infer<typeof Analysis>;
/** As people write it, without what has a default. */
export type AnalysisInput = z.input<typeof Analysis>;

/** What one look remembers for the next: a threshold, once frozen, is not chosen again, and only later calls count against it. */
export const JudgeMemory = z.object({
  /** By arm: threshold of `slow`, and what was counted of each epoch before it was frozen. */
  slow: z
    .object({
      thresholdMs: z.number(),
      before: z.array(z.object({ epoch: z.int(), arm: ArmName, count: z.int(), above: z.int() })),
    })
    .optional(),
  /** A sample-ratio alarm stays: the experiment is frozen until people have looked. */
  sampleRatioAlarm: z.boolean().default(false),
});
export type JudgeMemory = z.infer<typeof JudgeMemory>;

/** All that a verdict follows from; kept in the decision log, it gives the same verdict again. */
export const JudgeInput = z.object({
  analysis: Analysis,
  /** The fresh arm of the old version that the candidates are compared with. */
  baseline: ArmName,
  /** Judged one by one; alpha is shared among them. */
  candidates: z.array(ArmName).min(1).max(15),
  evidence: EndpointEvidence,
  memory: JudgeMemory.prefault({}),
  /** The weight epoch that is in force. */
  epoch: z.int().min(0),
  /** Milliseconds since 1970: of this look, of the first, and of the current step. */
  nowMs: z.number(),
  startedMs: z.number(),
  stepMs: z.number(),
});
export type JudgeInput = z.infer<typeof JudgeInput>;

export const CheckResult = z.enum(['pass', 'fail', 'inconclusive']);
export type CheckResult = z.infer<typeof CheckResult>;

export const Check = z.object({
  /** `guard` checks look for harm at every look, `gate` checks for the right to go on. */
  role: z.enum(['guard', 'gate']),
  arm: ArmName,
  /** Name of the metric, or `minimums`, `sampleRatio`, `fresh`, `horizon`. */
  name: z.string(),
  result: CheckResult,
  /** For people. */
  why: z.string(),
  /** ln of the evidence, and the threshold it is held against. */
  lnE: z.number().optional(),
  threshold: z.number().optional(),
  /** Every other number that went in. */
  numbers: z.record(z.string(), z.number()).default({}),
});
export type Check = z.infer<typeof Check>;

export const Verdict = z.object({
  /** `fail` rolls back, `pass` opens the gate, `inconclusive` does neither. */
  verdict: CheckResult,
  /** The same for each candidate: of several arms the failing one alone goes. */
  arms: z.record(z.string(), CheckResult),
  checks: z.array(Check),
  memory: JudgeMemory,
  /** Of the rules that made it: another version may decide otherwise. */
  codeVersion: z.string(),
});
export type Verdict = z.infer<typeof Verdict>;
