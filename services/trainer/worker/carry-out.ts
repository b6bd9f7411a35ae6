// A job from its order to model and report, in its folder: prepare, search, train, measure. Every step that is expensive leaves
// something there that a next attempt goes on from. The worker process calls it; tests do without a process.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { env } from 'onnxruntime-node';
import { type Failure, failure } from '../../../contracts/errors.js';
import type { TrainReport, Trial } from '../../../contracts/train-report.js';
import type { TrainJob } from '../../../contracts/train-job.js';
import { VERSION } from '../../mesh/version.js';
import { Graph } from '../../onnx/graph.js';
import { openSession } from '../../onnx/session.js';
import { ExampleFile } from '../../onnx/data/example-file.js';
import { partFile, type Prepared, readPrepared } from '../../onnx/data/prepared.js';
import { prepare } from '../../onnx/data/prepare.js';
import { firstModel } from '../../onnx/data/first-model.js';
import { plotsOf } from '../report/plots.js';
import { measure } from '../../onnx/data/evaluate.js';
import { readRun, type RunPosition, saveRun } from '../training/saved-run.js';
import { type Candidate, candidatesOf, type Found, nameOf, searchBest } from '../training/search.js';
import { TrainingRun } from '../training/training-run.js';
import { WORK_FILES } from '../../mesh/jobs/work-messages.js';
import { Left, type WorkPlace } from '../../mesh/jobs/worker-program.js';
import type { WorkOrder } from './work-order.js';
import {
  checkFits,
  describeData,
  frozenIn,
  type ParentModel,
  readParent,
} from '../../onnx/data/described-model.js';

type Place = WorkPlace<WorkOrder>;

const PROGRESS_MS = 250;

export async function carryOut(place: Place): Promise<TrainReport> {
  const { folder, order } = place;
  const { job } = order;
  const parent = order.parent === undefined ? undefined : readParent(readFileSync(order.parent));
  const { files, datasetsDir } = order;
  const prepared =
    readPrepared(folder) ?? (await prepare(job, { folder, files, datasetsDir, like: parent?.features }));
  refuseEmptyParts(prepared);
  if (parent !== undefined) checkFits(parent, prepared);
  place.tell({ kind: 'working' });

  const target = parent?.target ?? prepared.target;
  const work = new Work(place, { ...prepared, ...(target === undefined ? {} : { target }) }, parent);
  const saved = work.savedRun();
  const found = saved?.found ?? (await work.search());
  const { model, run } = await work.train(found, saved?.position ?? found.from);
  const trials = [...found.trials, ...(await work.baseline())];
  const report = await work.report(model, run, trials);
  writeWhole(join(folder, WORK_FILES.model), model);
  writeWhole(join(folder, WORK_FILES.report), JSON.stringify(report));
  return report;
}

function refuseEmptyParts({ counts }: Prepared): void {
  const { train, validation } = counts;
  if (train === 0 || validation === 0)
    throw failure(
      'DATA_REFUSED',
      `The data leave ${train} examples to train on and ${validation} to validate with.`,
    );
}

interface RunSummary {
  readonly history: TrainReport['history'];
  readonly parameterCount: number;
  readonly elapsedMs: number;
}

class Work {
  constructor(
    private readonly place: Place,
    private readonly prepared: Prepared,
    private readonly parent: ParentModel | undefined,
  ) {}

  private get job(): TrainJob {
    return this.place.order.job;
  }

  /** What an earlier attempt left; a checkpoint of other data or another job is no use. */
  savedRun(): { position: RunPosition; found: Found } | undefined {
    const path = join(this.place.folder, WORK_FILES.checkpoint);
    if (!existsSync(path)) return undefined;
    const position = readRun(readFileSync(path), this.fingerprint());
    return { position, found: JSON.parse(position.note) as Found };
  }

  search(): Promise<Found> {
    const { search, network, training } = this.job;
    const own = { network, rate: training.rate, batch: training.batch };
    if (search === undefined || this.parent !== undefined)
      return Promise.resolve({ chosen: own, from: undefined, trials: [] });
    const { clock } = this.place;
    return searchBest(candidatesOf(this.job), search.budgetMs, clock, (candidate, from) =>
      this.open(candidate, from),
    );
  }

  async train(
    { chosen, trials }: Found,
    from: RunPosition | undefined,
  ): Promise<{ model: Uint8Array; run: RunSummary }> {
    const { clock, folder, tell } = this.place;
    const note = JSON.stringify({ chosen, trials });
    await using run = await this.open(chosen, from, note);
    const { epochs, checkpointMs } = this.job.training;
    let [savedMs, toldMs] = [clock.monotonicMs(), -Infinity];
    const save = (): void => {
      writeWhole(join(folder, WORK_FILES.checkpoint), saveRun(run.position()));
      savedMs = clock.monotonicMs();
      tell({ kind: 'checkpoint', step: run.steps });
    };
    const startSteps = run.steps;
    const startMs = clock.monotonicMs();
    const say = (): void => {
      const now = clock.monotonicMs();
      if (now - toldMs < PROGRESS_MS) return;
      toldMs = now;
      const left = Math.max(0, epochs * run.stepsPerEpoch - run.steps);
      const done = run.steps - startSteps;
      const last = run.figures.at(-1);
      tell({
        kind: 'progress',
        progress: {
          epoch: run.epochsDone,
          epochs,
          step: run.steps,
          ...(run.loss === undefined ? {} : { loss: run.loss }),
          ...(last === undefined
            ? {}
            : {
                validationLoss: last.validationLoss,
                validationAccuracy: last.validationAccuracy,
                validationR2: last.validationR2,
              }),
          ...(done === 0 ? {} : { msLeft: ((now - startMs) / done) * left }),
        },
      });
    };
    for (;;) {
      const end = await run.runEpoch(() => {
        say();
        const leaves = this.place.leaving?.() === true;
        if (leaves || clock.monotonicMs() - savedMs >= checkpointMs) save();
        if (leaves) throw new Left('asked to leave');
      });
      if (end === 'diverged') throw this.diverged(run);
      if (end === 'all epochs done' || end === 'no better for long') break;
    }
    toldMs = -Infinity;
    say();
    const { parameterCount, elapsedMs } = run;
    return {
      model: this.finished(run.exportBest()),
      run: { history: [...run.figures], parameterCount, elapsedMs },
    };
  }

  async baseline(): Promise<Trial[]> {
    const { baseline, training } = this.job;
    if (baseline === undefined) return [];
    const candidate = { network: baseline, rate: training.rate, batch: training.batch };
    await using run = await this.open(candidate, undefined);
    for (;;) {
      const end = await run.runEpoch(() => undefined);
      if (end === 'diverged') throw this.diverged(run);
      if (end === 'all epochs done' || end === 'no better for long') break;
    }
    const { accuracy, r2 } = (await this.measured(run.exportBest())).quality;
    return [
      {
        name: `baseline ${nameOf(candidate)}`,
        epochs: run.epochsDone,
        parameterCount: run.parameterCount,
        validationLoss: run.bestLoss,
        validationAccuracy: run.bestQuality.accuracy,
        validationR2: run.bestQuality.r2,
        testAccuracy: accuracy,
        testR2: r2,
        ended: 'finished',
      },
    ];
  }

  /** Of the very bytes that are published. */
  async report(model: Uint8Array, run: RunSummary, trials: readonly Trial[]): Promise<TrainReport> {
    const { prepared, job } = this;
    const validation = (await this.measured(model)).summary();
    const { train, validation: held, test } = prepared.counts;
    const { cleaning } = prepared;
    const notes = [
      ...(cleaning.duplicatesDropped > 0
        ? [`${cleaning.duplicatesDropped} of ${cleaning.rows} rows were duplicates and were left out.`]
        : []),
      ...(cleaning.contradictions > 0
        ? [
            `${cleaning.contradictions} rows have the features of another row with another target; both lie in one part.`,
          ]
        : []),
      ...(cleaning.unchecked > 0
        ? [`${cleaning.unchecked} rows came after the memory for duplicates was full and were not compared.`]
        : []),
      ...prepared.notes,
    ];
    return {
      measuredOn: test > 0 ? 'test' : 'validation',
      validation,
      history: [...run.history],
      trials: [...trials],
      examples: { train, validation: held, test },
      notes,
      parameterCount: run.parameterCount,
      dataDigest: prepared.digest,
      modelDigest: createHash('sha256').update(model).digest('hex'),
      seed: job.training.seed,
      environment: {
        massif: VERSION,
        node: process.version,
        onnxruntime: env.versions.node ?? env.versions.common,
        platform: `${platform()} ${arch()}`,
        threads: String(this.place.order.threads),
      },
      trainedMs: run.elapsedMs,
      plots: plotsOf({ history: [...run.history], validation }),
    };
  }

  private open(
    { network, rate, batch }: Candidate,
    from: RunPosition | undefined,
    note = '',
  ): Promise<TrainingRun> {
    const { folder, order, clock } = this.place;
    const { prepared, parent, job } = this;
    const model = parent?.graph ?? firstModel(prepared, network, job.training.seed);
    return TrainingRun.open({
      folder,
      prepared,
      model,
      training: { ...job.training, rate, batch },
      frozen: parent === undefined ? [] : frozenIn(parent.graph, job.parent?.frozen ?? []),
      threads: order.threads,
      clock,
      fingerprint: this.fingerprint(),
      from,
      note,
    });
  }

  private async measured(model: Uint8Array) {
    const { prepared, place } = this;
    await using session = await openSession(model, { threads: place.order.threads, spinning: false });
    const part = prepared.counts.test > 0 ? 'test' : 'validation';
    using file = new ExampleFile(partFile(place.folder, part), prepared);
    return await measure(session, file, { prepared, loss: this.job.training.loss });
  }

  private finished(bytes: Uint8Array): Uint8Array {
    const graph = Graph.read(bytes);
    describeData(graph, this.prepared);
    return graph.write();
  }

  private diverged(run: TrainingRun): Failure {
    const kept = existsSync(join(this.place.folder, WORK_FILES.checkpoint));
    return failure(
      'MODEL_FAILED',
      `${run.divergence ?? 'Training diverged.'} Try a smaller rate than ${this.job.training.rate}, or a limit for gradients (clipNorm).${kept ? ' The last good checkpoint is kept.' : ''}`,
    );
  }

  private fingerprint(): string {
    const { network, training, tokens, split, parent, search } = this.job;
    const all = JSON.stringify([this.prepared.digest, network, training, tokens, split, parent, search]);
    return createHash('sha256').update(all).digest('hex');
  }
}

/** Whole or not at all: the process may be killed at any moment. */
function writeWhole(path: string, content: Uint8Array | string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}
