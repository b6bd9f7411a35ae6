// What somebody asks of the auditor so that a version is watched: a reference of clean requests, from which its baseline is made.
import { z } from 'zod';
import { Tap } from './detection.js';
import { DataFile } from './train-job.js';
import { Digest, Label, ModelName } from './names.js';

export const BASELINE_TYPE = 'application/vnd.massif.baseline+json';
/** More lines are not read; 5,000 make the bound on false alarms hold as printed. */
export const REFERENCE_LINES_MAX = 20_000;

/** The file was uploaded before, one body of the Open Inference Protocol a line; the model must not have learned from them. */
export const WatchRequest = z.object({
  model: ModelName,
  version: z.string().max(64).optional(),
  reference: DataFile,
  /** The output that holds class scores; the first of numbers when not given. */
  output: z.string().max(256).optional(),
});
export type WatchRequest = z.infer<typeof WatchRequest>;

export const WatchReply = z.object({
  model: ModelName,
  label: Label,
  version: Digest,
  output: z.string(),
  kind: z.enum(['logits', 'probabilities']),
  classes: z.int(),
  samples: z.int(),
  chosen: z.string(),
  streams: z.array(z.object({ name: z.string(), autocorrelation: z.number() })),
  /** The hidden value that is followed too; `cost`: p50 of a run that fetches it over one without taps. */
  tap: Tap.extend({ cost: z.number() }).optional(),
  /** Why there is none. */
  untapped: z.string().optional(),
});
export type WatchReply = z.infer<typeof WatchReply>;
