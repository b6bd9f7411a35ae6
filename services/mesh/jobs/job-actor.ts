// One job at work: fetches what it needs, runs a worker process, saves checkpoints, publishes, and writes down what happens. It may
// begin a job anew or go on with one that another process lost. job-runner.ts makes one for every job that the queue hands out; what
// kind of job it is, its Craft says.
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, failure, toFailure } from '../../../contracts/errors.js';
import type { AnyJob } from '../../../contracts/job.js';
import type { Clock } from '../clock.js';
import { errorFields, type Log } from '../log.js';
import type { JobObjects } from './job-objects.js';
import type { JobEvent } from './job-state.js';
import type { JobStore } from './job-store.js';
import { WorkerHandle } from './worker-handle.js';
import { type WorkerMessage, WORK_FILES } from './work-messages.js';

/** What sets one kind of job apart from another. */
export interface Craft<R extends AnyJob> {
  /** Fetches what the worker needs into the folder; what it returns is the worker's order. */
  readonly order: (record: R, folder: string) => Promise<object>;
  /** Of what lies in the folder when the worker is done: keeps the report, publishes, and says what came of the job. */
  readonly deliver: (record: R, folder: string) => Promise<NonNullable<R['result']>>;
}

export interface ActorParts<R extends AnyJob> {
  readonly store: JobStore<R>;
  readonly objects: JobObjects<unknown>;
  readonly craft: Craft<R>;
  readonly instance: string;
  /** Each job has a folder below it, data included. */
  readonly workDir: string;
  readonly workerEntry: string;
  readonly niceness: number;
  /** Where jobs run in pools a job that is left waits for the scheduler again, not for the queue. */
  readonly runsOn: NonNullable<AnyJob['runsOn']>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A job that takes its process or its worker down again and again would do so for ever. */
const ATTEMPTS_MAX = 20;
/** For a last checkpoint; who waits for our process to end waits for eight seconds. */
const SAVE_MS_MAX = 4_000;

export class JobActor<R extends AnyJob> {
  private worker: WorkerHandle | undefined;
  private attempt = 0;
  private ending: 'cancelled' | 'left' | 'lost' | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: ActorParts<R>,
    readonly id: string,
  ) {}

  /** Returns when the job is over; throws when somebody else should go on with it. */
  async run(): Promise<R> {
    const { store, instance, log } = this.parts;
    const begun = await store.change(this.id, { kind: 'begun', worker: instance });
    this.attempt = begun.attempts;
    log.info('job.begun', { job: this.id, attempt: this.attempt, checkpointStep: begun.checkpointStep });
    try {
      if (begun.cancelAsked) return await this.finish({ kind: 'cancelled' });
      if (begun.attempts - (begun.preempted ?? 0) > ATTEMPTS_MAX)
        throw failure('INTERNAL', `The job was begun ${ATTEMPTS_MAX} times and never came to an end.`);
      return await this.work(begun);
    } catch (error) {
      if (this.ending === 'cancelled') return this.finish({ kind: 'cancelled' });
      const known = toFailure(error);
      if (this.ending === 'left' && this.parts.runsOn === 'pools') await this.queueAgain();
      if (this.ending !== undefined || known.retryable) throw error;
      log.warn('job.failed', { job: this.id, ...errorFields(known) });
      return this.finish({ kind: 'failed', error: { code: known.code, message: known.message } });
    }
  }

  /** Asked while it runs: has somebody cancelled it, or taken it over? */
  async check(): Promise<void> {
    const record = await this.parts.store.read(this.id);
    if (record.attempts !== this.attempt) this.end('lost');
    else if (record.cancelAsked) this.end('cancelled');
  }

  /** The process is leaving: the worker may save once more, and another process goes on from there. */
  leave(): void {
    if (this.ending !== undefined) return;
    this.ending = 'left';
    this.worker?.leave();
    this.parts.clock.after(SAVE_MS_MAX, () => this.worker?.kill());
  }

  private get folder(): string {
    return join(this.parts.workDir, this.id);
  }

  private end(how: 'cancelled' | 'lost'): void {
    this.ending ??= how;
    this.worker?.kill();
  }

  private async work(record: R): Promise<R> {
    const { folder } = this;
    const { craft, objects } = this.parts;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, WORK_FILES.order), JSON.stringify(await craft.order(record, folder)));
    if (record.checkpointStep !== undefined)
      await objects.fetchCheckpoint(this.id, join(folder, WORK_FILES.checkpoint));
    await this.runWorker(folder);
    await this.write({ kind: 'publishing' });
    const done = await this.finish({ kind: 'done', result: await craft.deliver(record, folder) });
    await objects.dropCheckpoint(this.id);
    return done;
  }

  /** Resolves when model and report lie in the folder. */
  private async runWorker(folder: string): Promise<void> {
    if (this.ending !== undefined) throw failure('UNAVAILABLE', 'The job was left before it began.');
    let outcome: Extract<WorkerMessage, { kind: 'done' | 'failed' }> | undefined;
    let saved: Promise<void> | undefined;
    let newer: number | undefined;
    const save = async (step: number): Promise<void> => {
      await this.parts.objects.saveCheckpoint(this.id, join(folder, WORK_FILES.checkpoint));
      await this.write({ kind: 'checkpoint', step });
    };
    const saveNewer = async (): Promise<void> => {
      while (newer !== undefined) {
        const step = newer;
        newer = undefined;
        await save(step).catch((error: unknown) => this.lost(error));
      }
    };
    const said = (message: WorkerMessage): void => {
      if (message.kind === 'done' || message.kind === 'failed') outcome = message;
      else if (message.kind === 'checkpoint') {
        // One at a time; what came meanwhile lies in the same file, and is saved after it.
        newer = message.step;
        saved ??= saveNewer().finally(() => (saved = undefined));
      } else this.write(message as JobEvent<R>).catch((error: unknown) => this.lost(error));
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

  private async queueAgain(): Promise<void> {
    await this.writing;
    const record = await this.parts.store.change(this.id, { kind: 'queued again' }, this.attempt);
    this.parts.log.info('job.queued-again', { job: this.id, checkpointStep: record.checkpointStep });
  }

  private write(event: JobEvent<R>): Promise<void> {
    const { store } = this.parts;
    const next = this.writing.then(async () => void (await store.change(this.id, event, this.attempt)));
    // One write that failed must not stop those after it.
    this.writing = next.catch(() => undefined);
    return next;
  }

  private lost(error: unknown): void {
    const known = toFailure(error);
    if (known.code === 'LEASE_LOST') this.end('lost');
    else this.parts.log.warn('job.write.failed', { job: this.id, ...errorFields(known) });
  }

  private async finish(event: JobEvent<R>): Promise<R> {
    await this.writing;
    const record = await this.parts.store.change(this.id, event, this.attempt);
    this.parts.log.info(`job.${record.state}`, { job: this.id, result: record.result });
    await rm(this.folder, { recursive: true, force: true });
    return record;
  }
}
