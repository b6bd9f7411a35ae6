// What the worker process of a training job is told, in a file of the job's folder.
import type { TrainJob } from '../../../contracts/train-job.js';

/** The trainer writes it before it forks; the worker reads it first. */
export interface WorkOrder {
  readonly job: TrainJob;
  /** Paths by digest. */
  readonly files: Readonly<Record<string, string>>;
  readonly datasetsDir?: string;
  /** The model of the version that the job goes on from. */
  readonly parent?: string;
  readonly parentDigest?: string;
  readonly threads: number;
}
