// What a compression job is asked to do: which version, how or how far, proved on which data, and what becomes of it. Written by
// people, read by the compressor. Shares are of the parent's, times in milliseconds.
import { z } from 'zod';
import { CompressionRecipe, type EndpointTeacher } from './compression-recipe.js';
import { Label, ModelName } from './names.js';
import { SAMPLES_OF_MODEL } from './sampling.js';
import { DataFile, DataSpec, filesOf, SplitSpec } from './train-job.js';

/** Says how far to go and leaves the way to the search. */
export const CompressionTarget = z.object({
  /** Of the parent's bytes. */
  size: z.number().gt(0).max(1).optional(),
  /** Of the parent's median latency. */
  latency: z.number().gt(0).max(1).optional(),
  /** At most so much of what is measured may be lost; 0.005 is half a point. */
  drop: z.number().min(0).max(1).default(0.005),
  /** No recipe is begun after so long. */
  budgetMs: z.int().min(1_000).max(86_400_000).default(300_000),
});
export type CompressionTarget = z.infer<typeof CompressionTarget>;

/** A device with little of everything, in its own units. */
export const EdgeBudget = z.object({
  bytes: z.int().min(1_000).default(1_048_576),
  /** What loading and running the model adds to a process in which the runtime is there already. */
  memoryBytes: z.int().min(1_000_000).default(67_108_864),
  /** Median of one example on one thread. */
  latencyMs: z.number().positive().default(10),
});
export type EdgeBudget = z.infer<typeof EdgeBudget>;

export const CompressionData = z.discriminatedUnion('kind', [
  /** Of the training job that made the version, or the version that it was made from: the same data in the same parts. */
  z.object({ kind: z.literal('trained') }),
  /** Labelled data of a version that a training job made. */
  z.object({ kind: z.literal('labelled'), data: DataSpec, split: SplitSpec.prefault({}) }),
  /** Requests without answers, for any version: one body of the Open Inference Protocol a line. */
  z.object({ kind: z.literal('samples'), file: DataFile }),
]);
export type CompressionData = z.infer<typeof CompressionData>;

/** What callers sent lately, of what the auditor was asked to keep (sampling.ts). They become samples when the job is submitted. */
export const LiveData = z.object({
  kind: z.literal('live'),
  /** The newest. */
  last: z.int().min(4).max(SAMPLES_OF_MODEL).default(SAMPLES_OF_MODEL),
  /** None that is older. */
  since: z.iso.datetime().optional(),
});
export type LiveData = z.infer<typeof LiveData>;

export const CompressJob = z.object({
  model: ModelName,
  /** Label, digest or alias; the default version when not given. */
  version: z.string().max(64).optional(),
  how: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('recipe'),
      name: z.string().max(64).default('own'),
      recipe: CompressionRecipe,
    }),
    z.object({ kind: z.literal('target'), target: CompressionTarget }),
    z.object({
      kind: z.literal('edge'),
      edge: EdgeBudget.prefault({}),
      drop: CompressionTarget.shape.drop,
      budgetMs: CompressionTarget.shape.budgetMs,
    }),
  ]),
  data: CompressionData.prefault({ kind: 'trained' }),
  /** Order of examples and everything else that is drawn. */
  seed: z.int().min(0).default(1),
  /** When not given, the job's id. */
  label: Label.optional(),
  aliases: z.array(Label).max(16).default([]),
  /** False: the result stays a report. */
  publish: z.boolean().default(true),
});
export type CompressJob = z.infer<typeof CompressJob>;

export const AskedCompressJob = CompressJob.extend({
  data: z.discriminatedUnion('kind', [...CompressionData.options, LiveData]).prefault({ kind: 'trained' }),
});
export type AskedCompressJob = z.infer<typeof AskedCompressJob>;

/** What has to be uploaded before the job. */
export function dataFilesOf({ data }: CompressJob): DataFile[] {
  if (data.kind === 'labelled') return filesOf(data);
  return data.kind === 'samples' ? [data.file] : [];
}

/** Endpoints that answer as teachers while the job runs. */
export function teachersOf({ how }: CompressJob): EndpointTeacher[] {
  if (how.kind !== 'recipe') return [];
  return how.recipe.steps.flatMap((step) =>
    step.kind === 'distil' && step.teacher !== undefined ? [step.teacher] : [],
  );
}
