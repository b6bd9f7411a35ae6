// What a trainer and its worker process say to each other over the pipe between parent and child, and the folder in which they
// work. Bytes go through files of that folder, never over the pipe. It never leaves the trainer, hence it lies here.
import type { JobProgress } from '../../../contracts/trainer.js';
import type { TrainJob } from '../../../contracts/train-job.js';

/** The trainer writes it before it forks; the worker reads it first. */
export interface WorkOrder {
  readonly job: TrainJob;
  /** Paths by digest. */
  readonly files: Readonly<Record<string, string>>;
  readonly datasetsDir?: string;
  /** The model of the version that the job goes on from. */
  readonly parent?: string;
  readonly threads: number;
}

export const WORK_FILES = {
  order: 'order.json',
  checkpoint: 'checkpoint.run',
  model: 'model.onnx',
  report: 'report.json',
} as const;

export type WorkerMessage =
  /** The data are examples now. */
  | { readonly kind: 'training' }
  | { readonly kind: 'progress'; readonly progress: JobProgress }
  /** The checkpoint file is whole and holds so many steps. */
  | { readonly kind: 'checkpoint'; readonly step: number }
  /** Model and report lie in the folder. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
