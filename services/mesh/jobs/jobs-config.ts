// What an operator may set for a service that carries out jobs: the same words for the trainer and the compressor, each with a prefix of its
// own. Their configurations read it.
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { type Environment, readEnv } from '../service-config.js';
import type { Keep } from './leftovers.js';
import { readWhereJobsRun, type WhereJobsRun } from './where-jobs-run.js';

export interface JobsConfig extends WhereJobsRun {
  /** The program of a worker process. */
  readonly workerEntry: string;
  /** Threads of one step of learning. The same number gives the same bits. */
  readonly threads: number;
  /** Of the worker process, 0 to 19: what is served on the same machine comes first. */
  readonly niceness: number;
  /** A job that nobody reported on for so long goes to another process. */
  readonly ackWaitMs: number;
  /** What ended jobs leave has an end. */
  readonly keep: Keep;
}

const DAY_MS = 86_400_000;

const whole = (least: number) =>
  z.coerce
    .number(`must be a whole number of at least ${least}`)
    .int(`must be a whole number of at least ${least}`)
    .min(least, `must be a whole number of at least ${least}`);

const JobsEnvironment = z.object({
  WORKER: z.string().optional(),
  THREADS: whole(1).optional(),
  NICENESS: whole(0).max(19, 'must be at most 19').default(10),
  ACK_WAIT_MS: whole(500).default(10_000),
  KEEP_DAYS: whole(1).default(30),
  KEEP_JOBS: whole(1).default(1_000),
  KEEP_BYTES: whole(1_048_576).optional(),
});

/** `prefix`: such as MASSIF_TRAINER; the others hold where the environment says nothing. */
export function readJobsConfig(
  env: Environment,
  prefix: string,
  { workerEntry, keepBytes }: { readonly workerEntry: string; readonly keepBytes: number },
): JobsConfig {
  const read = readPrefixed(JobsEnvironment, prefix, env);
  return {
    ...readWhereJobsRun(env),
    workerEntry: read.WORKER ?? workerEntry,
    threads: read.THREADS ?? Math.min(2, availableParallelism()),
    niceness: read.NICENESS,
    ackWaitMs: read.ACK_WAIT_MS,
    keep: { ageMs: read.KEEP_DAYS * DAY_MS, jobs: read.KEEP_JOBS, bytes: read.KEEP_BYTES ?? keepBytes },
  };
}

/** A sentence about a bad value names the variable in full. */
function readPrefixed<T extends z.ZodObject>(schema: T, prefix: string, env: Environment): z.infer<T> {
  const fields = Object.entries(schema.shape).map(([word, field]) => [`${prefix}_${word}`, field]);
  const read = readEnv(z.object(Object.fromEntries(fields) as z.ZodRawShape), env);
  const words = Object.entries(read).map(([name, value]) => [name.slice(prefix.length + 1), value]);
  return Object.fromEntries(words) as z.infer<T>;
}
