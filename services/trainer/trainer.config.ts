// What an operator may set for a trainer. Read once, while the module is made.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type JobsConfig, readJobsConfig } from '../mesh/jobs/jobs-config.js';
import { type Environment, readEnv } from '../mesh/service-config.js';

export interface TrainerConfig extends JobsConfig {
  /** Folders of pictures lie below it; absent: none are read. */
  readonly datasetsDir: string | undefined;
}

const GIB = 1_073_741_824;
const TrainerEnvironment = z.object({ MASSIF_TRAINER_DATASETS: z.string().optional() });

export const readTrainerConfig = (env: Environment = process.env): TrainerConfig =>
  Object.freeze({
    ...readJobsConfig(env, 'MASSIF_TRAINER', {
      workerEntry: fileURLToPath(new URL('./worker/worker.js', import.meta.url)),
      keepBytes: 20 * GIB,
    }),
    datasetsDir: readEnv(TrainerEnvironment, env).MASSIF_TRAINER_DATASETS,
  });
