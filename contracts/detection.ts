// What is normal for a version, as its reference data had it, and what the auditor says of an answer or a stream of them. A baseline is made
// when a version is published and is signed beside it; a verdict names its evidence.
import { z } from 'zod';
import { Digest } from './names.js';

/** What is watched: what came in, what went out, and hidden features in between. */
export const StreamSource = z.enum(['input', 'output', 'intermediate']);
export type StreamSource = z.infer<typeof StreamSource>;

export const StreamName = z.string().regex(/^[a-z][a-zA-Z]{0,31}$/);

/** Numbers as little-endian float32, base64. */
export const PackedFloats = z.base64().max(16 * 1024 * 1024);

/** The distribution of one score over the reference: how many of `samples` lie below each of the values, ties counted half. */
export const Ranks = z
  .strictObject({
    name: StreamName,
    source: StreamSource,
    samples: z.int().min(1),
    /** Ascending. */
    values: z.array(z.number()).min(1).max(4_096),
    below: z.array(z.number().min(0)).min(1).max(4_096),
    /** Correlation of each request's score with the next one's: far from 0 the false-alarm bound does not hold as it stands. */
    autocorrelation: z.number(),
  })
  .refine(({ values, below }) => values.length === below.length, { message: 'one count a value' });
export type Ranks = z.infer<typeof Ranks>;

/** A hidden value that the served graph gives as an output of its own. */
export const Tap = z.strictObject({
  /** The value in the graph, and the output that was added for it. */
  value: z.string().max(256),
  output: z.string().max(256),
  /** Numbers a row: places of a map or steps of a sequence are averaged. */
  width: z.int().min(1),
});
export type Tap = z.infer<typeof Tap>;

const PackedGaussian = z.strictObject({ mean: PackedFloats, factor: PackedFloats });

export const PackedFeatures = z.strictObject({
  width: z.int().min(1).max(4_096),
  /** [classes][width]; empty where the reference had none of a class. */
  means: z.array(PackedFloats).min(1).max(10_000),
  /** Cholesky factor of the covariance within classes, [width][width]. */
  within: PackedFloats,
  overall: PackedGaussian,
  /** Features of length 1 for distances to neighbours, [rows][width]. */
  bank: PackedFloats,
});
export type PackedFeatures = z.infer<typeof PackedFeatures>;

export const Baseline = z.strictObject({
  format: z.literal(1),
  /** The version that it is the baseline of. */
  version: Digest,
  /** Reference requests behind it, none of which the model had learned from. */
  samples: z.int().min(1),
  input: z.string().max(256),
  output: z.strictObject({
    name: z.string().max(256),
    kind: z.enum(['logits', 'probabilities']),
    classes: z.int().min(2),
  }),
  tap: Tap.optional(),
  features: PackedFeatures.optional(),
  streams: z.array(Ranks).min(1).max(64),
  /** The score that told abnormal inputs best when it was made, and what each reached: AUROC by family. */
  chosen: StreamName,
  choice: z.array(z.strictObject({ score: StreamName, auroc: z.record(z.string(), z.number()) })).max(64),
  /** By class: how near queries of honest callers come to earlier ones of theirs, in the map of observations. */
  nearness: z
    .array(z.strictObject({ label: z.int().min(0), ranks: Ranks }))
    .max(256)
    .optional(),
  /** Share of the reference that each class got. */
  classShares: z.array(z.number().min(0).max(1)).min(2).max(10_000),
  /** After so many equal answers to different inputs in a row the output counts as constant. */
  constantAfter: z.int().min(2),
});
export type Baseline = z.infer<typeof Baseline>;

export const VERDICTS = ['normal', 'suspicious', 'abnormal'] as const;
export const Verdict = z.enum(VERDICTS);
export type Verdict = z.infer<typeof Verdict>;

/** Faults that need no statistics. */
export const FAULTS = [
  'not-a-number',
  'wrong-shape',
  'wrong-type',
  'output-missing',
  'constant-output',
] as const;
export const Fault = z.enum(FAULTS);
export type Fault = z.infer<typeof Fault>;

/** Why a verdict is what it is: what a person reads in an alert. */
export const Judgement = z.object({
  verdict: Verdict,
  why: z.string().max(500),
  faults: z.array(Fault),
  /** Evidence that something changed: on a clean stream one request in `evidence` sees as much. */
  evidence: z.number(),
  /** The streams with most of it, strongest first; `shift` in deviations of the reference over what was seen lately. */
  strongest: z
    .array(z.object({ stream: StreamName, source: StreamSource, evidence: z.number(), shift: z.number() }))
    .max(8),
  /** Requests since the change, as the strongest stream has it. */
  requestsSince: z.int().min(0),
});
export type Judgement = z.infer<typeof Judgement>;
