// What a compression job found out: what the smaller version takes and keeps against its parent, both measured in turns in one run on
// examples that nothing was learned from. Written by the compressor, shown by the command line.
import { z } from 'zod';
import { CompressionRecipe } from './compression-recipe.js';
import { Digest, Label } from './names.js';

export const ModelFigures = z.object({
  bytes: z.int(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  /** Runs in a second, one after the other on one thread. */
  perSecond: z.number(),
  /** Of `figure`; higher is better. */
  quality: z.number(),
});
export type ModelFigures = z.infer<typeof ModelFigures>;

export const LayerChange = z.object({
  /** Name of the weights. */
  weight: z.string(),
  operator: z.string().optional(),
  /** What became of it: a number format, or channels left of channels. */
  form: z.string(),
  /** |w - q(w)| / |w| over the whole tensor. */
  error: z.number().optional(),
  /** Why it stayed as it was. */
  reason: z.string().optional(),
});
export type LayerChange = z.infer<typeof LayerChange>;

/** One recipe that a search tried; shares are of the parent's. */
export const RecipeTrial = z.object({
  name: z.string(),
  recipe: CompressionRecipe,
  size: z.number().optional(),
  latency: z.number().optional(),
  drop: z.number().optional(),
  /** Nothing else is at least as good in all three and better in one. */
  pareto: z.boolean(),
  meets: z.boolean(),
  /** Why it fell out. */
  why: z.string().optional(),
});
export type RecipeTrial = z.infer<typeof RecipeTrial>;

export const CompressReport = z.object({
  parent: ModelFigures.extend({ digest: Digest, label: Label }),
  candidate: ModelFigures,
  /** Agreement: share of answers in which both have their highest value at the same place. */
  figure: z.enum(['accuracy', 'R2', 'agreement']),
  /** On how many examples. */
  examples: z.int(),
  name: z.string(),
  recipe: CompressionRecipe,
  steps: z.array(z.object({ step: z.string(), bytes: z.int() })),
  layers: z.array(LayerChange),
  /** Planned layers that onnxruntime would not run in integers. */
  unfused: z.array(z.string()),
  trials: z.array(RecipeTrial),
  /** Of a device with little: what was allowed and what it takes. */
  edge: z.object({ memoryBytes: z.int(), latencyMs: z.number(), bytes: z.int() }).optional(),
  /** Why it may not take its parent's place; nothing is published then. */
  refused: z.array(z.string()),
  seed: z.int(),
  dataDigest: Digest,
  modelDigest: Digest,
  environment: z.record(z.string(), z.string()),
  tookMs: z.number(),
  /** SVG, by name. */
  plots: z.record(z.string(), z.string()),
});
export type CompressReport = z.infer<typeof CompressReport>;
