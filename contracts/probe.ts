// Questions to which a version's answers are known: sent by the normal route at random times, they tell whether a shard serves the registered model.
// The set is secret and signed; a question that was asked is not asked again.
import { z } from 'zod';
import { PackedFloats } from './detection.js';
import { Digest, ModelName } from './names.js';

export const PROBES_TYPE = 'application/vnd.massif.probes+json';

export const Probe = z.strictObject({
  /** FP32, row by row. */
  input: PackedFloats,
  /** What the signed bytes answer. */
  expected: PackedFloats,
});
export type Probe = z.infer<typeof Probe>;

export const ProbeSet = z.strictObject({
  version: Digest,
  model: ModelName,
  /** The requests that they were drawn from: the next set is drawn from there too. */
  reference: Digest,
  input: z.string().max(256),
  /** With its rows, which are 1. */
  shape: z.array(z.int().min(1)).min(1).max(8),
  output: z.string().max(256),
  /** Largest difference of a number: other machines add in another order. */
  tolerance: z.number().positive(),
  probes: z.array(Probe).min(1).max(10_000),
});
export type ProbeSet = z.infer<typeof ProbeSet>;
