// The worker process of a training job.
import { runWorker } from '../../mesh/jobs/worker-program.js';
import { carryOut } from './carry-out.js';

await runWorker(carryOut, true);
