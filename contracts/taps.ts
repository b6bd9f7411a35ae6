// Which hidden values of a version are outputs of their own wherever it is served: chosen and proved by the auditor when it learned what is normal, signed with
// its key, kept beside the catalog. Engines add the outputs to the very bytes that they verified; nothing of the graph is replaced.
import { z } from 'zod';
import { Envelope } from './manifest.js';
import { Digest, ModelName } from './names.js';

export const TAPS_TYPE = 'application/vnd.massif.taps+json';

export const ServedTap = z.strictObject({
  /** The hidden value, and the output that gives it: FP32 [rows, width]. */
  value: z.string().min(1).max(256),
  output: z.string().min(1).max(256),
  /** Of the value: places of 4 and steps of 3 dimensions are averaged. */
  rank: z.int().min(2).max(4),
  width: z.int().min(1).max(65_536),
});
export type ServedTap = z.infer<typeof ServedTap>;

export const TapPlan = z.strictObject({
  version: Digest,
  model: ModelName,
  /** Of the graph: later ones give the axes of an average in another form. */
  opset: z.int().min(1).max(1_000),
  taps: z.array(ServedTap).min(1).max(4),
});
export type TapPlan = z.infer<typeof TapPlan>;

/** As it lies in the bucket, by version. */
export const TapRecord = z.strictObject({ envelope: Envelope });
export type TapRecord = z.infer<typeof TapRecord>;
