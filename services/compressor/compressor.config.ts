// What an operator may set for a compressor. Read once, while the module is made.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Keep } from '../mesh/jobs/leftovers.js';
import { readWhereJobsRun, type WhereJobsRun } from '../mesh/jobs/where-jobs-run.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface CompressorConfig extends WhereJobsRun {
  /** The program of a worker process. */
  readonly workerEntry: string;
  /** Threads of one step of learning. The same number gives the same bits; models are timed on one. */
  readonly threads: number;
  /** Of the worker process, 0 to 19: what is served on the same machine comes first. */
  readonly niceness: number;
  /** A job that nobody reported on for so long goes to another compressor. */
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

const CompressorEnvironment = z.object({
  MASSIF_COMPRESSOR_WORKER: z.string().optional(),
  MASSIF_COMPRESSOR_THREADS: whole(1).optional(),
  MASSIF_COMPRESSOR_NICENESS: whole(0).max(19, 'must be at most 19').default(10),
  MASSIF_COMPRESSOR_ACK_WAIT_MS: whole(500).default(10_000),
  MASSIF_COMPRESSOR_KEEP_DAYS: whole(1).default(30),
  MASSIF_COMPRESSOR_KEEP_JOBS: whole(1).default(1_000),
  MASSIF_COMPRESSOR_KEEP_BYTES: whole(1_048_576).default(5 * 1_073_741_824),
});

export function readCompressorConfig(env: Environment = process.env): CompressorConfig {
  const read = readEnv(CompressorEnvironment, env);
  return Object.freeze({
    ...readWhereJobsRun(env),
    workerEntry:
      read.MASSIF_COMPRESSOR_WORKER ?? fileURLToPath(new URL('./worker/worker.js', import.meta.url)),
    threads: read.MASSIF_COMPRESSOR_THREADS ?? Math.min(2, availableParallelism()),
    niceness: read.MASSIF_COMPRESSOR_NICENESS,
    ackWaitMs: read.MASSIF_COMPRESSOR_ACK_WAIT_MS,
    keep: {
      ageMs: read.MASSIF_COMPRESSOR_KEEP_DAYS * DAY_MS,
      jobs: read.MASSIF_COMPRESSOR_KEEP_JOBS,
      bytes: read.MASSIF_COMPRESSOR_KEEP_BYTES,
    },
  });
}
