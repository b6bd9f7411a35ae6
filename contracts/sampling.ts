// Payload sampling, which somebody must ask for, model by model: which requests engines keep, what of them, and how samples travel into their ring.
// `massif samples` asks for it and reads it, `massif replay` sends what was kept to another version.
import { z } from 'zod';
import { CompressionRecipe } from './compression-recipe.js';
import { Digest, Label, ModelName, RegionName } from './names.js';
import { Datatype } from './tensor-spec.js';

/** Of one model, all regions together; older ones make room. */
export const SAMPLES_OF_MODEL = 512;
/** Of all models. */
export const SAMPLES_BYTES = 67_108_864;
export const SAMPLES_AGE_MS = 86_400_000;
/** Values of one sample, as bytes; tensors beyond it keep their statistics alone. */
export const SAMPLE_BYTES = 65_536;
export const RULES_MAX = 256;
/** Engines stop when the auditor was silent for so long. */
export const RULES_VALID_MS = 30_000;
export const RULES_TOLD_MS = 5_000;

export const SamplingRule = z.object({
  model: ModelName,
  /** Share of the answered requests that is kept. */
  rate: z.number().min(0).max(1),
  /** Inputs and outputs whose values are kept, `*` for all; of others only shape, type and statistics are. */
  keep: z.array(z.string().min(1).max(256)).max(32),
  /** Texts are kept as they are; else addresses, numbers of phones and cards, and tokens in them are masked. */
  plain: z.boolean().default(false),
  /** While a version is suspected, every request is kept. */
  onSuspicion: z.boolean().default(false),
  /** When a version is suspected, a compressor makes one by this recipe of what was kept since; with `onSuspicion` there is soon enough. */
  follow: CompressionRecipe.optional(),
  until: z.iso.datetime(),
  by: z.string().max(300),
});
export type SamplingRule = z.infer<typeof SamplingRule>;

/** Told by the auditor every few seconds; engines obey the newest. */
export const SamplingRules = z.object({ rules: z.array(SamplingRule).max(RULES_MAX) });
export type SamplingRules = z.infer<typeof SamplingRules>;

export const SampledTensor = z.object({
  name: z.string().max(256),
  datatype: Datatype,
  shape: z.array(z.int().min(0)).max(32),
  statistics: z.record(z.string(), z.number()).optional(),
  /** The tensor's binary form, base64; absent where the rule or the size forbids it. */
  data: z
    .base64()
    .max(SAMPLE_BYTES * 2)
    .optional(),
  /** Places in texts that were masked. */
  masked: z.int().min(1).optional(),
});
export type SampledTensor = z.infer<typeof SampledTensor>;

export const Sample = z.object({
  model: ModelName,
  label: Label,
  version: Digest,
  region: RegionName,
  replica: z.string().max(128),
  at: z.iso.datetime(),
  requestId: z.string().max(128),
  inputs: z.array(SampledTensor).max(16),
  outputs: z.array(SampledTensor).max(16),
  /** Of this life of the replica, up to this sample: answers the rule looked at, samples, and those that were chosen and had no room. */
  counts: z.object({ life: z.string().max(64), seen: z.int(), kept: z.int(), dropped: z.int() }),
});
export type Sample = z.infer<typeof Sample>;

/** `rule` sets one, `off` ends one, neither only looks. */
export const SamplingRequest = z.object({
  rule: SamplingRule.optional(),
  off: ModelName.optional(),
  by: z.string().min(1).max(300),
});
export type SamplingRequest = z.infer<typeof SamplingRequest>;
export const SamplingReply = z.object({
  rules: z.array(SamplingRule),
  models: z.array(z.object({ model: ModelName, samples: z.int().min(0) })),
  bytes: z.int().min(0),
});
export type SamplingReply = z.infer<typeof SamplingReply>;

/** Newest first; reading is written down. */
export const SamplesRequest = z.object({
  model: ModelName,
  count: z.int().min(1).max(SAMPLES_OF_MODEL).default(64),
  /** Older than this place in the stream; 0: from the newest. */
  before: z.int().min(0).default(0),
  by: z.string().min(1).max(300),
});
export type SamplesRequest = z.infer<typeof SamplesRequest>;
export const SamplesReply = z.object({ samples: z.array(Sample), before: z.int().min(0) });
export type SamplesReply = z.infer<typeof SamplesReply>;
