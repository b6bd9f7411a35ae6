// What an operator may set for a compressor. Read once, while the module is made.
import { fileURLToPath } from 'node:url';
import { type JobsConfig, readJobsConfig } from '../mesh/jobs/jobs-config.js';
import type { Environment } from '../mesh/service-config.js';

const GIB = 1_073_741_824;

export const readCompressorConfig = (env: Environment = process.env): JobsConfig =>
  Object.freeze(
    readJobsConfig(env, 'MASSIF_COMPRESSOR', {
      workerEntry: fileURLToPath(new URL('./worker/worker.js', import.meta.url)),
      keepBytes: 5 * GIB,
    }),
  );
