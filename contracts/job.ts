// What all jobs have in common, whatever is made by them: where one is in its life, who works on it, how it ended. Training and
// compression add what is asked, how far it is and what came of it.
import { z } from 'zod';
import { JobTerms } from './job-terms.js';
import { Digest, Label, ModelName } from './names.js';

export const JobId = z.string().regex(/^[a-z0-9-]{8,40}$/);

export const JobState = z.enum([
  'queued',
  'preparing',
  'working',
  'publishing',
  'done',
  'failed',
  'cancelled',
]);
export type JobState = z.infer<typeof JobState>;

export const JobBase = z.object({
  id: JobId,
  state: JobState,
  /** How often somebody began or went on with it; grows when a process was lost. */
  attempts: z.int(),
  /** The process that works on it. */
  worker: z.string().optional(),
  cancelAsked: z.boolean(),
  /** Whose it is and what it needs; records from before there were terms have none. */
  terms: JobTerms.optional(),
  /** `pools`: the dynamic scheduler starts a process for it where a device is free; else a trainer takes it from the queue. */
  runsOn: z.enum(['trainers', 'pools']).optional(),
  /** How often it gave its place to somebody else; not counted as a failed attempt. */
  preempted: z.int().min(0).optional(),
  /** Steps that are safe: a new attempt goes on from here. */
  checkpointStep: z.int().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type JobBase = z.infer<typeof JobBase>;

/** What a job published. */
export const MadeVersion = z.object({ model: ModelName, label: Label, digest: Digest });
export type MadeVersion = z.infer<typeof MadeVersion>;

/** A record of any kind of job. */
export type AnyJob = JobBase & {
  readonly job: unknown;
  readonly progress?: unknown;
  readonly result?: unknown;
};

export const isOpen = ({ state }: Pick<JobBase, 'state'>): boolean =>
  state !== 'done' && state !== 'failed' && state !== 'cancelled';

export const JobQuery = z.object({ id: JobId });
export type JobQuery = z.infer<typeof JobQuery>;

export const QueuedJob = z.object({ id: JobId });
