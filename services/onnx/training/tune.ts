// Some steps of training on a model that is there already: what it lost by being made smaller, it learns again. Pruning and
// quantization with feedback call it; whole trainings from data are the trainer's.
import { Graph } from '../graph.js';
import type { Tensors } from '../session.js';
import type { Loss } from './loss.js';
import { rateAt } from './schedule.js';
import { trainingGraph, type TrainingOptions } from './training-graph.js';
import { openTraining } from './training-session.js';

/** Labelled data as a function of the number of the batch, so that the same numbers give the same model. */
export interface Batches {
  readonly loss: Loss;
  /** Sizes for names: those of every batch. */
  readonly bind: Readonly<Record<string, number>>;
  /** Inputs of the model and targets of the loss. */
  readonly batch: (step: number) => Tensors | Promise<Tensors>;
  /** How many there are; later steps begin again at 0. */
  readonly count: number;
}

export interface TuneOptions {
  readonly steps: number;
  readonly rate: number;
  readonly masks?: TrainingOptions['masks'];
  readonly parameters?: readonly string[];
  readonly threads?: number;
  readonly seed?: number;
}

/** Adam, the rate falling to nothing along half a cosine. Returns the model with what it learned. */
export async function tuned(model: Uint8Array, batches: Batches, options: TuneOptions): Promise<Uint8Array> {
  const { steps, rate, masks, parameters, threads = 1, seed = 1 } = options;
  const training = trainingGraph(Graph.read(model), {
    loss: batches.loss,
    optimiser: { kind: 'adam' },
    bind: batches.bind,
    seed,
    ...(masks === undefined ? {} : { masks }),
    ...(parameters === undefined ? {} : { parameters }),
  });
  await using session = await openTraining(training, { threads });
  for (let step = 0; step < steps; step++) {
    const now = rateAt({ kind: 'cosine', rate, totalSteps: steps, floor: 0 }, step);
    await session.step(await batches.batch(step % batches.count), now);
  }
  return session.exportModel();
}
