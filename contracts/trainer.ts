// The conversation with the trainer, and the record it keeps of each job in KV. Buckets and keys are in contracts/buckets.ts.
import { z } from 'zod';
import { JobBase, MadeVersion } from './job.js';
import { JobTerms } from './job-terms.js';
import { Label, ModelName } from './names.js';
import { DataFile, TrainJob } from './train-job.js';
import { Quality, TrainReport } from './train-report.js';

export const JobProgress = z.object({
  epoch: z.int(),
  epochs: z.int(),
  step: z.int(),
  loss: z.number().optional(),
  validationLoss: z.number().optional(),
  validationAccuracy: z.number().optional(),
  validationR2: z.number().optional(),
  /** Estimated from the speed so far. */
  msLeft: z.number().optional(),
});
export type JobProgress = z.infer<typeof JobProgress>;

export const JobRecord = JobBase.extend({
  job: TrainJob,
  progress: JobProgress.optional(),
  result: z
    .object({
      ...Quality.shape,
      measuredOn: z.enum(['test', 'validation']),
      version: MadeVersion.optional(),
    })
    .optional(),
});
export type JobRecord = z.infer<typeof JobRecord>;

/** A job in full, or a recipe that the trainer knows, with what should differ. */
export const SubmitRequest = z.union([
  z.object({ job: TrainJob, terms: JobTerms.optional() }),
  z.object({
    recipe: z.string().max(64),
    model: ModelName.optional(),
    label: Label.optional(),
    seed: z.int().min(0).optional(),
    epochs: z.int().min(1).optional(),
    aliases: z.array(Label).max(16).default([]),
    publish: z.boolean().default(true),
    terms: JobTerms.optional(),
  }),
]);
export type SubmitRequest = z.infer<typeof SubmitRequest>;
export const JobReply = z.object({ record: JobRecord });
export type JobReply = z.infer<typeof JobReply>;

export const JobsReply = z.object({
  jobs: z.array(JobRecord),
  recipes: z.array(z.object({ name: z.string(), summary: z.string() })),
});
export type JobsReply = z.infer<typeof JobsReply>;

export const ReportReply = z.object({ report: TrainReport });
export type ReportReply = z.infer<typeof ReportReply>;

/** A data set that was uploaded: a job names it by digest, as often as it likes. */
export const Dataset = DataFile.extend({ createdAt: z.iso.datetime() });
export type Dataset = z.infer<typeof Dataset>;
/** Newest first; with the beginning of a digest only those. */
export const DatasetsQuery = z.object({ digest: z.string().max(64).optional() });
export type DatasetsQuery = z.infer<typeof DatasetsQuery>;
export const DatasetsReply = z.object({ datasets: z.array(Dataset) });
export type DatasetsReply = z.infer<typeof DatasetsReply>;
