// What an operator may set for a trainer. Read once, while the module is made.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Keep } from '../mesh/jobs/leftovers.js';
import { readWhereJobsRun, type WhereJobsRun } from '../mesh/jobs/where-jobs-run.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface TrainerConfig extends WhereJobsRun {
  /** The program of a worker process. */
  readonly workerEntry: string;
  /** Threads of one step. The same number gives the same bits. */
  readonly threads: number;
  /** Folders of pictures lie below it; absent: none are read. */
  readonly datasetsDir: string | undefined;
  /** Of the worker process, 0 to 19: what is served on the same machine comes first. */
  readonly niceness: number;
  /** A job that nobody reported on for so long goes to another trainer. */
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

const TrainerEnvironment = z.object({
  MASSIF_TRAINER_WORKER: z.string().optional(),
  MASSIF_TRAINER_THREADS: whole(1).optional(),
  MASSIF_TRAINER_DATASETS: z.string().optional(),
  MASSIF_TRAINER_NICENESS: whole(0).max(19, 'must be at most 19').default(10),
  MASSIF_TRAINER_ACK_WAIT_MS: whole(500).default(10_000),
  MASSIF_TRAINER_KEEP_DAYS: whole(1).default(30),
  MASSIF_TRAINER_KEEP_JOBS: whole(1).default(1_000),
  MASSIF_TRAINER_KEEP_BYTES: whole(1_048_576).default(20 * 1_073_741_824),
});

export function readTrainerConfig(env: Environment = process.env): TrainerConfig {
  const read = readEnv(TrainerEnvironment, env);
  return Object.freeze({
    ...readWhereJobsRun(env),
    workerEntry: read.MASSIF_TRAINER_WORKER ?? fileURLToPath(new URL('./worker/worker.js', import.meta.url)),
    threads: read.MASSIF_TRAINER_THREADS ?? Math.min(2, availableParallelism()),
    datasetsDir: read.MASSIF_TRAINER_DATASETS,
    niceness: read.MASSIF_TRAINER_NICENESS,
    ackWaitMs: read.MASSIF_TRAINER_ACK_WAIT_MS,
    keep: {
      ageMs: read.MASSIF_TRAINER_KEEP_DAYS * DAY_MS,
      jobs: read.MASSIF_TRAINER_KEEP_JOBS,
      bytes: read.MASSIF_TRAINER_KEEP_BYTES,
    },
  });
}
