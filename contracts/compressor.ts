// The conversation with the compressor, and the record it keeps of each job in KV. Buckets and keys are in contracts/buckets.ts.
import { z } from 'zod';
import { AskedCompressJob, CompressJob } from './compress-job.js';
import { CompressReport } from './compress-report.js';
import { JobBase, MadeVersion } from './job.js';
import { JobTerms } from './job-terms.js';

export const CompressProgress = z.object({
  /** What is done now: a recipe and its step. */
  at: z.string(),
  /** Steps of a recipe, or recipes of a search. */
  done: z.int(),
  of: z.int(),
});
export type CompressProgress = z.infer<typeof CompressProgress>;

export const CompressRecord = JobBase.extend({
  job: CompressJob,
  progress: CompressProgress.optional(),
  result: z
    .object({
      /** All three are shares of the parent's; drop of what is measured. */
      size: z.number(),
      latency: z.number(),
      drop: z.number(),
      version: MadeVersion.optional(),
    })
    .optional(),
});
export type CompressRecord = z.infer<typeof CompressRecord>;

export const CompressRequest = z.object({ job: AskedCompressJob, terms: JobTerms.optional() });
export type CompressRequest = z.infer<typeof CompressRequest>;

export const CompressReply = z.object({ record: CompressRecord });
export type CompressReply = z.infer<typeof CompressReply>;

/** Jobs newest first, and the recipes that have names. */
export const CompressJobsReply = z.object({
  jobs: z.array(CompressRecord),
  recipes: z.array(z.object({ name: z.string(), summary: z.string() })),
});
export type CompressJobsReply = z.infer<typeof CompressJobsReply>;

export const CompressReportReply = z.object({ report: CompressReport });
export type CompressReportReply = z.infer<typeof CompressReportReply>;
