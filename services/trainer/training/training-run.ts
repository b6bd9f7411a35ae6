// One training run: epochs of batches, a measurement after each epoch, the best weights kept, an end when it gets no better. It
// can be left and taken up again at any batch. Jobs make one of it, a search many.
import type { EpochFigures, Quality } from '../../../contracts/train-report.js';
import { Failure } from '../../../contracts/errors.js';
import type { Training } from '../../../contracts/train-job.js';
import type { Clock } from '../../mesh/clock.js';
import type { Graph } from '../../onnx/graph.js';
import type { Tensors } from '../../onnx/session.js';
import type { Loss } from '../../onnx/training/loss.js';
import type { Optimiser } from '../../onnx/training/optimiser.js';
import { rateAt, type Schedule } from '../../onnx/training/schedule.js';
import { trainingGraph } from '../../onnx/training/training-graph.js';
import { openTraining, type TrainingSession } from '../../onnx/training/training-session.js';
import { ExampleFile } from '../../onnx/data/example-file.js';
import { partFile, type Prepared } from '../../onnx/data/prepared.js';
import { permutation, seedOf } from '../../onnx/data/split.js';
import { INPUT, SCORES } from '../../onnx/data/trained-names.js';
import { augmented } from './augment.js';
import { Evaluation } from './evaluation.js';
import { inputTensor, targetTensor } from '../../onnx/data/feed.js';
import type { RunPosition } from './saved-run.js';
import { float32 } from '../../onnx/tensor.js';

const LABELS = 'labels';

export interface RunOptions {
  readonly folder: string;
  readonly prepared: Prepared;
  readonly model: Graph;
  readonly training: Training;
  readonly frozen?: readonly string[];
  readonly threads: number;
  readonly clock: Clock;
  /** Names job, data and network. */
  readonly fingerprint: string;
  readonly from?: RunPosition | undefined;
  /** Kept in every checkpoint. */
  readonly note?: string;
}

/** After 'better' and 'same' it goes on; the rest are ends. */
export type EpochEnd = 'better' | 'same' | 'no better for long' | 'all epochs done' | 'diverged';

export class TrainingRun implements AsyncDisposable {
  divergence: string | undefined;
  private epoch = 0;
  private batch = 0;
  private lossSum = 0;
  private earlierMs = 0;
  private readonly startedMs: number;
  private history: EpochFigures[] = [];
  private best: RunPosition['best'];
  private bestState: Tensors | undefined;

  private constructor(
    private readonly options: RunOptions,
    private readonly session: TrainingSession,
    readonly parameterCount: number,
    private readonly evaluation: Evaluation,
    private readonly examples: ExampleFile,
    private readonly held: ExampleFile,
  ) {
    this.startedMs = options.clock.monotonicMs();
    if (options.from !== undefined) this.takeUp(options.from);
  }

  static async open(options: RunOptions): Promise<TrainingRun> {
    const { model, training, prepared, folder, frozen = [], threads } = options;
    const graph = trainingGraph(model, {
      loss: lossOf(training, prepared),
      optimiser: optimiserOf(training),
      frozen,
      weightDecay: training.weightDecay,
      ...(training.clipNorm > 0 ? { clipNorm: training.clipNorm } : {}),
      average: training.average,
      seed: training.seed,
    });
    const session = await openTraining(graph, { threads, spinning: false });
    const evaluation = await Evaluation.open(model, graph.state, {
      prepared,
      loss: training.loss,
      threads,
    });
    const open = (part: 'train' | 'validation') => new ExampleFile(partFile(folder, part), prepared);
    const parameterCount = graph.state
      .filter(({ parameter }) => parameter !== undefined)
      .reduce((sum, { initial }) => sum + initial.data.length, 0);
    return new TrainingRun(options, session, parameterCount, evaluation, open('train'), open('validation'));
  }

  get steps(): number {
    return this.session.stepCount;
  }

  get stepsPerEpoch(): number {
    return Math.ceil(this.examples.count / this.options.training.batch);
  }

  get epochsDone(): number {
    return this.epoch;
  }

  get figures(): readonly EpochFigures[] {
    return this.history;
  }

  get bestLoss(): number {
    return this.best?.loss ?? Infinity;
  }

  get bestQuality(): Quality {
    const { accuracy, r2 } = this.best ?? {};
    return { accuracy, r2 };
  }

  get elapsedMs(): number {
    return this.earlierMs + this.options.clock.monotonicMs() - this.startedMs;
  }

  /** Mean loss of the batches of this epoch so far. */
  get loss(): number | undefined {
    return this.batch === 0 ? this.history.at(-1)?.loss : this.lossSum / this.batch;
  }

  /** To the end of the epoch; `afterBatch` may wait, and take checkpoints. */
  async runEpoch(afterBatch: () => Promise<void> | void): Promise<EpochEnd> {
    const { training, prepared } = this.options;
    if (this.epoch >= training.epochs) return 'all epochs done';
    const order = permutation(this.examples.count, seedOf(training.seed, 1, this.epoch));
    const schedule = scheduleOf(training, this.stepsPerEpoch);
    while (this.batch < this.stepsPerEpoch) {
      const rate = rateAt(schedule, this.steps);
      const numbers = order.subarray(this.batch * training.batch, (this.batch + 1) * training.batch);
      const batch = this.examples.batch(numbers);
      const input =
        training.augment && batch.input instanceof Uint8Array
          ? float32(
              [batch.size, ...prepared.shape],
              augmented(
                batch.input,
                batch.size,
                prepared.shape,
                seedOf(training.seed, 2, this.epoch, this.batch),
              ),
            )
          : inputTensor(batch, prepared);
      try {
        this.lossSum += await this.session.step(
          { [INPUT]: input, [LABELS]: targetTensor(batch, prepared) },
          rate,
        );
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'MODEL_FAILED') throw error;
        this.divergence = error.message;
        return 'diverged';
      }
      this.batch++;
      await afterBatch();
    }
    return this.endEpoch(rateAt(schedule, this.steps));
  }

  position(): RunPosition {
    const { epoch, batch, lossSum, history, best, bestState, elapsedMs } = this;
    const { stepCount, state } = this.session.checkpoint();
    return {
      fingerprint: this.options.fingerprint,
      note: this.options.note ?? '',
      epoch,
      batch,
      stepCount,
      lossSum,
      elapsedMs,
      history: [...history],
      ...(best === undefined ? {} : { best }),
      state,
      bestState,
    };
  }

  /** The model with the best weights. */
  exportBest(): Uint8Array {
    const now = this.session.checkpoint();
    if (this.bestState !== undefined)
      this.session.restore({ stepCount: now.stepCount, state: { ...now.state, ...this.bestState } });
    const model = this.session.exportModel();
    this.session.restore(now);
    return model;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.examples[Symbol.dispose]();
    this.held[Symbol.dispose]();
    await this.evaluation[Symbol.asyncDispose]();
    await this.session.close();
  }

  private async endEpoch(rate: number): Promise<EpochEnd> {
    const { training } = this.options;
    const state = this.session.averaged();
    const { loss, quality } = await this.evaluation.measure(this.held, state);
    this.history.push({
      epoch: this.epoch,
      loss: this.lossSum / Math.max(1, this.batch),
      validationLoss: loss,
      validationAccuracy: quality.accuracy,
      validationR2: quality.r2,
      rate,
    });
    const better = loss < this.bestLoss;
    if (better) {
      this.best = { epoch: this.epoch, loss, ...quality };
      this.bestState = state;
    }
    this.epoch++;
    this.batch = 0;
    this.lossSum = 0;
    if (this.epoch >= training.epochs) return 'all epochs done';
    if (this.epoch - 1 - (this.best?.epoch ?? 0) >= training.patience) return 'no better for long';
    return better ? 'better' : 'same';
  }

  private takeUp(from: RunPosition): void {
    this.session.restore({ stepCount: from.stepCount, state: from.state });
    [this.epoch, this.batch, this.lossSum] = [from.epoch, from.batch, from.lossSum];
    this.earlierMs = from.elapsedMs;
    this.history = [...from.history];
    this.best = from.best;
    this.bestState = from.bestState;
  }
}

function lossOf({ loss, smoothing }: Training, { target, targetSize }: Prepared): Loss {
  if (target !== undefined) return { kind: loss, output: SCORES, targets: LABELS };
  return {
    kind: 'crossEntropy',
    labels: LABELS,
    smoothing,
    ...(targetSize > 1 ? { classAxis: -1 as const } : {}),
  };
}

function optimiserOf({ optimiser }: Training): Optimiser {
  if (optimiser === 'momentum') return { kind: 'sgd', momentum: 0.9 };
  return { kind: optimiser };
}

function scheduleOf({ schedule, rate, epochs, warmup }: Training, stepsPerEpoch: number): Schedule {
  if (schedule === 'constant') return { kind: 'constant', rate };
  const totalSteps = epochs * stepsPerEpoch;
  return {
    kind: 'cosine',
    rate,
    totalSteps,
    warmupSteps: Math.round(warmup * totalSteps),
    floor: rate / 50,
  };
}
