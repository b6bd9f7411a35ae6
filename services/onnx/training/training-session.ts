// Runs a training graph step by step and holds what it learns. Two sets of buffers take turns: each step reads one and
// writes the other in place, so nothing is copied between steps, and a step that fails leaves the last good set.
import assert from 'node:assert';
import { failure } from '../../../contracts/errors.js';
import type * as ort from 'onnxruntime-node';
import { copyModel } from '../extract.js';
import type { Graph } from '../graph.js';
import { fromRuntime, toRuntime } from '../runtime-tensor.js';
import { openSession, type Session, type SessionOptions, type Tensors } from '../session.js';
import { float32, type Tensor } from '../tensor.js';

import type { StateSlot, TrainingGraph } from './training-graph.js';

type Buffers = readonly ort.Tensor[];

/** What has to be kept to go on later: everything that changes, by the name of its input, and how many steps were made. */
export interface Checkpoint {
  readonly stepCount: number;
  readonly state: Tensors;
}

/** `await using session = await openTraining(trainingGraph(...))`. */
export async function openTraining(
  training: TrainingGraph,
  options: Omit<SessionOptions, 'external'> = {},
): Promise<TrainingSession> {
  const { external } = training.graph;
  return new TrainingSession(training, await openSession(training.graph.write(), { ...options, external }));
}

export class TrainingSession implements AsyncDisposable {
  private now: Buffers;
  private spare: Buffers;
  private steps = 0;

  constructor(
    private readonly training: TrainingGraph,
    private readonly session: Session,
  ) {
    this.now = training.state.map(({ initial }) => toRuntime(copied(initial)));
    this.spare = training.state.map(({ initial }) => toRuntime(copied(initial)));
  }

  get stepCount(): number {
    return this.steps;
  }

  /** One step on a batch; returns its loss. Throws MODEL_FAILED with the number of the step where the loss is no number. */
  async step(batch: Tensors, rate: number): Promise<number> {
    assert(this.training.stepsPerRun === 1, 'this graph makes several steps a run');
    const [loss] = await this.run(batch, [rate]);
    assert(loss !== undefined);
    return loss;
  }

  /** As many steps as the graph makes in one run: every tensor has one batch per step. Returns the losses. */
  async run(batches: Tensors, rates: readonly number[]): Promise<Float32Array> {
    const { state, data, prefix, rate, step, stepsPerRun, loss } = this.training;
    assert(rates.length === stepsPerRun, `${rates.length} rates for ${stepsPerRun} steps`);
    const feeds: Record<string, ort.Tensor> = {};
    const fetches: Record<string, ort.Tensor> = {};
    for (const name of data) {
      const tensor = batches[name];
      if (tensor === undefined)
        throw failure('TENSOR_MISMATCH', `The batch lacks "${name}".`, { input: name, needed: data });
      feeds[prefix + name] = toRuntime(tensor);
    }
    const dims = stepsPerRun === 1 ? [] : [stepsPerRun];
    const numbers = rates.map((_, i) => this.steps + 1 + i);
    // An optimiser that does not ask for the step number leaves its input out.
    const known = new Set(this.session.inputNames);
    if (known.has(prefix + rate)) feeds[prefix + rate] = toRuntime(float32(dims, rates));
    if (known.has(prefix + step)) feeds[prefix + step] = toRuntime(float32(dims, numbers));
    state.forEach(({ input, output }, i) => {
      feeds[prefix + input] = at(this.now, i);
      fetches[prefix + output] = at(this.spare, i);
    });
    const losses = new Float32Array(stepsPerRun);
    fetches[prefix + loss] = toRuntime(float32(dims, losses));
    await this.session.runRaw(feeds, fetches);
    const bad = losses.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw failure(
        'MODEL_FAILED',
        `Training diverged: the loss of step ${this.steps + 1 + bad} is ${losses[bad]}.`,
        {
          step: this.steps + 1 + bad,
          losses: [...losses],
        },
      );
    }
    [this.now, this.spare] = [this.spare, this.now];
    this.steps += stepsPerRun;
    return losses;
  }

  /** Copies: later steps do not change it. */
  checkpoint(): Checkpoint {
    const entries = this.training.state.map(
      ({ input }, i) => [input, copied(fromRuntime(at(this.now, i)))] as const,
    );
    return { stepCount: this.steps, state: Object.fromEntries(entries) };
  }

  /** The running averages under the names of the weights' inputs, and the weights themselves where none are kept. */
  averaged(): Tensors {
    const { state } = this.checkpoint();
    const averages = this.training.state.flatMap(({ input, averageOf }) =>
      averageOf === undefined || state[input] === undefined ? [] : [[averageOf, state[input]] as const],
    );
    return { ...state, ...Object.fromEntries(averages) };
  }

  /** Goes on where the checkpoint was taken, in this process or another. */
  restore({ stepCount, state }: Checkpoint): void {
    this.now = this.training.state.map(({ input, initial }) => {
      const tensor = state[input];
      if (tensor?.data.length !== initial.data.length)
        throw failure('TENSOR_MISMATCH', `The checkpoint does not hold "${input}" in its shape.`, { input });
      return toRuntime(copied(tensor));
    });
    this.steps = stepCount;
  }

  /** The forward graph with what was learned, in the form it came in. */
  exportModel(): Uint8Array {
    const graph = copyModel(this.training.forward);
    this.training.state.forEach(({ parameter }: StateSlot, i) => {
      if (parameter !== undefined) replaceConstant(graph, parameter, copied(fromRuntime(at(this.now, i))));
    });
    return graph.write();
  }

  close(): Promise<void> {
    return this.session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function at(buffers: Buffers, i: number): ort.Tensor {
  const tensor = buffers[i];
  assert(tensor !== undefined);
  return tensor;
}

function copied(tensor: Tensor): Tensor {
  const { data } = tensor;
  assert(data instanceof Float32Array || data instanceof Float64Array, 'weights are real numbers');
  return { ...tensor, data: data.slice() };
}

/** Where the weight lies in a Constant node, the node goes. */
function replaceConstant(graph: Graph, name: string, value: Tensor): void {
  const maker = graph.producer(name);
  if (maker !== undefined) graph.remove([maker]);
  graph.setConstant(name, value);
}
