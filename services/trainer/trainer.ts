// The trainer's loop and its answers: takes jobs from the queue one after the other, tells the queue that it is still at it, and
// answers what people ask of jobs.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { failure } from '../../contracts/errors.js';
import { TrainJob } from '../../contracts/train-job.js';
import type { JobRecord, JobsReply, SubmitRequest } from '../../contracts/trainer.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import { type ActorParts, filesOf, JobActor } from './job-actor.js';
import type { JobQueue } from './job-queue.js';
import { isOver } from './job-state.js';
import { type Keep, leftovers } from './leftovers.js';
import { RECIPES, recipeJob } from './recipes.js';

export interface TrainerParts extends ActorParts {
  readonly queue: JobQueue;
  readonly ackWaitMs: number;
  readonly keep: Keep;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const RETRY_MS = 1_000;
const TIDY_MS = 600_000;

export class Trainer {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private actor: JobActor | undefined;
  private stopTidying: (() => void) | undefined;

  constructor(private readonly parts: TrainerParts) {}

  start(): void {
    this.running = this.sweep().then(() => this.loop());
    this.stopTidying = this.parts.clock.every(TIDY_MS, () => void this.tidy());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.stopTidying?.();
    this.actor?.leave();
    await this.running;
  }

  /** The record is there before the queue knows of it; a submit that dies between the two leaves a job that can be cancelled. */
  async submit(request: SubmitRequest): Promise<JobRecord> {
    const { store, queue, clock, training } = this.parts;
    const job = 'job' in request ? request.job : fromRecipe(request);
    for (const file of filesOf(job))
      if (!(await training.hasDataset(file.digest)))
        throw failure('DATA_REFUSED', `The data set ${file.name} was not uploaded before the job.`, {
          digest: file.digest,
        });
    const at = new Date(clock.now()).toISOString();
    const record: JobRecord = {
      id: this.newId(),
      job,
      state: 'queued',
      attempts: 0,
      cancelAsked: false,
      createdAt: at,
      updatedAt: at,
    };
    await store.create(record);
    await queue.add(record.id);
    return record;
  }

  async jobs(): Promise<JobsReply> {
    const recipes = RECIPES.map(({ name, summary }) => ({ name, summary }));
    return { jobs: (await this.parts.store.all()).slice(0, JOBS_SHOWN_MAX), recipes };
  }

  /** Taken back where nobody works on it; else its worker hears of it within a second. */
  async cancel(id: string): Promise<JobRecord> {
    const record = await this.parts.store.read(id);
    if (isOver(record)) return record;
    const asked = await this.parts.store.change(id, { kind: 'cancel asked' });
    if (this.actor?.id === id) await this.actor.check();
    return asked;
  }

  /** Folders of jobs that ended elsewhere; those of open jobs may be gone on with. */
  private async sweep(): Promise<void> {
    const { workDir, store, log } = this.parts;
    for (const id of await readdir(workDir).catch(() => [])) {
      const record = await store.read(id).catch(() => undefined);
      if (record !== undefined && !isOver(record)) continue;
      await rm(join(workDir, id), { recursive: true, force: true }).catch((error: unknown) =>
        log.warn('trainer.sweep.failed', errorFields(error)),
      );
    }
  }

  /** What ended jobs left goes when its time is over; every trainer may, since what is gone already is no error. */
  private async tidy(): Promise<void> {
    const { store, training, keep, clock, log } = this.parts;
    try {
      // Objects first: a job that comes meanwhile is seen with what it needs.
      const objects = await training.list();
      const gone = leftovers(await store.all(), objects, keep, clock.now());
      for (const name of gone.objects) await training.drop(name);
      for (const id of gone.jobs) await store.forget(id);
      if (gone.objects.length + gone.jobs.length > 0)
        log.info('trainer.tidied', { jobs: gone.jobs.length, objects: gone.objects.length });
    } catch (error) {
      log.warn('trainer.tidy.failed', errorFields(error));
    }
  }

  private newId(): string {
    const { clock, random } = this.parts;
    const tail = Array.from({ length: 6 }, () => Math.floor(random() * 36).toString(36)).join('');
    return `${clock.now().toString(36)}-${tail}`;
  }

  private async loop(): Promise<void> {
    const { queue, clock, log } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const next = await queue.next();
        if (next !== undefined) await this.carryOut(next.id, next.message);
        else await setImmediate();
      } catch (error) {
        if (signal.aborted) return;
        log.warn('trainer.queue.failed', errorFields(error));
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  private async carryOut(
    id: string,
    message: { ack(): void; nak(ms?: number): void; working(): void },
  ): Promise<void> {
    const { store, clock, ackWaitMs, log } = this.parts;
    const record = await store.read(id);
    if (isOver(record)) return message.ack();
    const actor = new JobActor(this.parts, id);
    this.actor = actor;
    // Three signs of life in the time after which the queue gives the job to somebody else.
    const stop = clock.every(Math.min(1_000, ackWaitMs / 3), () => {
      message.working();
      actor
        .check()
        .catch((error: unknown) => log.warn('job.check.failed', { job: id, ...errorFields(error) }));
    });
    if (this.stopping.signal.aborted) actor.leave();
    try {
      await actor.run();
      message.ack();
    } catch (error) {
      log.warn('job.left', { job: id, ...errorFields(error) });
      message.nak(this.stopping.signal.aborted ? 0 : RETRY_MS);
    } finally {
      stop();
      this.actor = undefined;
    }
  }
}

/** More than a page of them helps nobody, and a reply has an end. */
const JOBS_SHOWN_MAX = 100;

function fromRecipe(request: Extract<SubmitRequest, { recipe: string }>): TrainJob {
  const { recipe, model, label, seed, epochs, aliases, publish } = request;
  const job = TrainJob.parse(recipeJob(recipe));
  const training = {
    ...job.training,
    ...(seed === undefined ? {} : { seed }),
    ...(epochs === undefined ? {} : { epochs }),
  };
  const split = { ...job.split, ...(seed === undefined ? {} : { seed }) };
  return {
    ...job,
    training,
    split,
    aliases,
    publish,
    ...(model === undefined ? {} : { model }),
    ...(label === undefined ? {} : { label }),
  };
}
