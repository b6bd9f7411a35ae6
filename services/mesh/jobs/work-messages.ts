// What the actor of a job and its worker process say to each other over the pipe between parent and child, and the folder in which
// they work. Bytes go through files of that folder, never over the pipe.

/** `order` is there before the fork; the worker reads it first. `checkpoint` is made by jobs that can go on from one. */
export const WORK_FILES = {
  order: 'order.json',
  checkpoint: 'checkpoint.run',
  model: 'model.onnx',
  report: 'report.json',
} as const;

/** From the actor: save what there is, and end. A worker that saves as it goes ends at once. */
export const LEAVE = { kind: 'leave' } as const;

export type WorkerMessage =
  /** The data are examples now. */
  | { readonly kind: 'working' }
  | { readonly kind: 'progress'; readonly progress: unknown }
  /** The checkpoint file is whole and holds so many steps. */
  | { readonly kind: 'checkpoint'; readonly step: number }
  /** Model and report lie in the folder. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
