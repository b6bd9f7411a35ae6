// One job at work: fetches what it needs, runs a worker process, saves checkpoints, publishes, and writes down what happens. It may
// begin a job anew or go on with one that another trainer lost. trainer.ts makes one for every job that the queue hands out.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, failure, toFailure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { ShowReply } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { qualityOf, TrainReport } from '../../contracts/train-report.js';
import type { DataFile, TrainJob } from '../../contracts/train-job.js';
import type { JobRecord } from '../../contracts/trainer.js';
import type { Bus } from '../mesh/bus.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { JobEvent } from './job-state.js';
import type { JobStore } from './job-store.js';
import { publish } from './publish.js';
import type { TrainingStore } from './training-store.js';
import { WorkerHandle } from './worker-handle.js';
import { type WorkerMessage, type WorkOrder, WORK_FILES } from './worker/messages.js';

export interface ActorParts {
  readonly bus: Bus;
  readonly store: JobStore;
  readonly training: TrainingStore;
  readonly instance: string;
  readonly keysDir: string;
  /** Each job has a folder below it, data included. */
  readonly workDir: string;
  readonly datasetsDir: string | undefined;
  readonly workerEntry: string;
  readonly threads: number;
  readonly niceness: number;
  readonly log: Log;
}

/** A job that takes its trainer or its worker down again and again would do so for ever. */
const ATTEMPTS_MAX = 20;
const REGISTRY_TIMEOUT_MS = 10_000;

export class JobActor {
  private worker: WorkerHandle | undefined;
  private attempt = 0;
  private ending: 'cancelled' | 'left' | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: ActorParts,
    readonly id: string,
  ) {}

  /** Returns when the job is over; throws when somebody else should go on with it. */
  async run(): Promise<JobRecord> {
    const { store, instance, log } = this.parts;
    const begun = await store.change(this.id, { kind: 'begun', worker: instance });
    this.attempt = begun.attempts;
    log.info('job.begun', { job: this.id, attempt: this.attempt, checkpointStep: begun.checkpointStep });
    try {
      if (begun.cancelAsked) return await this.finish({ kind: 'cancelled' });
      if (begun.attempts > ATTEMPTS_MAX)
        throw failure('INTERNAL', `The job was begun ${ATTEMPTS_MAX} times and never came to an end.`);
      return await this.work(begun);
    } catch (error) {
      if (this.ending === 'cancelled') return this.finish({ kind: 'cancelled' });
      const known = toFailure(error);
      if (this.ending === 'left' || known.retryable) throw error;
      log.warn('job.failed', { job: this.id, ...errorFields(known) });
      return this.finish({ kind: 'failed', error: { code: known.code, message: known.message } });
    }
  }

  /** Asked while it runs: has somebody cancelled it, or taken it over? */
  async check(): Promise<void> {
    const record = await this.parts.store.read(this.id);
    if (record.attempts !== this.attempt) this.leave();
    else if (record.cancelAsked) this.end('cancelled');
  }

  /** The process is leaving: another trainer goes on from the last checkpoint. */
  leave(): void {
    this.end('left');
  }

  private get folder(): string {
    return join(this.parts.workDir, this.id);
  }

  private end(how: 'cancelled' | 'left'): void {
    this.ending ??= how;
    this.worker?.kill();
  }

  private async work(record: JobRecord): Promise<JobRecord> {
    const { job } = record;
    const { folder } = this;
    await mkdir(folder, { recursive: true });
    const parent = job.parent === undefined ? undefined : await this.parentOf(job.parent);
    const order = await this.order(job, parent?.path);
    await writeFile(join(folder, WORK_FILES.order), JSON.stringify(order));
    if (record.checkpointStep !== undefined)
      await this.parts.training.fetchCheckpoint(this.id, join(folder, WORK_FILES.checkpoint));
    await this.runWorker(folder);
    await this.write({ kind: 'publishing' });
    const report = TrainReport.parse(JSON.parse(await readFile(join(folder, WORK_FILES.report), 'utf8')));
    await this.parts.training.saveReport(this.id, report);
    const model = await readFile(join(folder, WORK_FILES.model));
    const { bus, keysDir } = this.parts;
    const version = job.publish
      ? await publish(bus, keysDir, { id: this.id, job, report, model, parent: parent?.digest })
      : undefined;
    const done = await this.finish({
      kind: 'done',
      result: {
        ...qualityOf(report.validation),
        measuredOn: report.measuredOn,
        ...(version === undefined
          ? {}
          : { version: { model: version.model, label: version.label, digest: version.digest } }),
      },
    });
    await this.parts.training.dropCheckpoint(this.id);
    return done;
  }

  private async order(job: TrainJob, parent: string | undefined): Promise<WorkOrder> {
    const { datasetsDir, threads, training } = this.parts;
    const files: Record<string, string> = {};
    for (const { digest } of filesOf(job)) {
      files[digest] = join(this.folder, digest);
      await training.fetchDataset(digest, files[digest]);
    }
    return {
      job,
      files,
      threads,
      ...(datasetsDir === undefined ? {} : { datasetsDir }),
      ...(parent === undefined ? {} : { parent }),
    };
  }

  private async parentOf({
    model,
    version,
  }: NonNullable<TrainJob['parent']>): Promise<{ digest: string; path: string }> {
    const { bus, training } = this.parts;
    const found = await bus.request(
      subjects.registry('show'),
      ShowReply,
      { model, ...(version === undefined ? {} : { version }) },
      { timeoutMs: REGISTRY_TIMEOUT_MS },
    );
    const resource = found.version.resources.find(({ name }) => name === RESOURCES.model);
    if (resource === undefined) throw failure('MODEL_REFUSED', `The version of ${model} holds no model.`);
    const path = join(this.folder, resource.digest);
    await training.fetchArtifact(resource.digest, path);
    return { digest: found.version.digest, path };
  }

  /** Resolves when model and report lie in the folder. */
  private async runWorker(folder: string): Promise<void> {
    if (this.ending !== undefined) throw failure('UNAVAILABLE', 'The job was left before it began.');
    let outcome: Extract<WorkerMessage, { kind: 'done' | 'failed' }> | undefined;
    let saving = false;
    let saved: Promise<void> = Promise.resolve();
    const save = async (step: number): Promise<void> => {
      await this.parts.training.saveCheckpoint(this.id, join(folder, WORK_FILES.checkpoint));
      await this.write({ kind: 'checkpoint', step });
    };
    const said = (message: WorkerMessage): void => {
      if (message.kind === 'done' || message.kind === 'failed') outcome = message;
      else if (message.kind === 'checkpoint') {
        // One at a time; the next one holds what this one would have.
        if (saving) return;
        saving = true;
        saved = save(message.step)
          .catch((error: unknown) => this.lost(error))
          .finally(() => (saving = false));
      } else this.write(message).catch((error: unknown) => this.lost(error));
    };
    const { workerEntry, niceness } = this.parts;
    this.worker = new WorkerHandle(workerEntry, folder, niceness, { said });
    const how = await this.worker.ended;
    await saved;
    await this.writing;
    if (outcome?.kind === 'failed') throw new Failure(outcome.code as Failure['code'], outcome.message);
    if (outcome === undefined || !existsSync(join(folder, WORK_FILES.model)))
      throw failure('ENGINE_FAILED', `The worker of the job ended without a result: ${how}.`);
  }

  private write(event: JobEvent): Promise<void> {
    const { store } = this.parts;
    const next = this.writing.then(async () => void (await store.change(this.id, event, this.attempt)));
    // One write that failed must not stop those after it.
    this.writing = next.catch(() => undefined);
    return next;
  }

  private lost(error: unknown): void {
    const known = toFailure(error);
    if (known.code === 'LEASE_LOST') this.leave();
    else this.parts.log.warn('job.write.failed', { job: this.id, ...errorFields(known) });
  }

  private async finish(event: JobEvent): Promise<JobRecord> {
    await this.writing;
    const record = await this.parts.store.change(this.id, event, this.attempt);
    this.parts.log.info(`job.${record.state}`, { job: this.id, result: record.result });
    await rm(this.folder, { recursive: true, force: true });
    return record;
  }
}

export function filesOf({ data }: TrainJob): DataFile[] {
  if (data.format === 'idx') return [data.images, data.labels];
  return data.format === 'package' || data.format === 'folder' ? [] : [data.file];
}
