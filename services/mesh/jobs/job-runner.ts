// Jobs of one kind in one process: takes them from the queue one after the other, tells the queue that it is still at it, submits,
// lists and cancels them, and lets go of what ended jobs left. The trainer and the compressor have one each.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { AnyJob, JobBase } from '../../../contracts/job.js';
import { JobTerms } from '../../../contracts/job-terms.js';
import type { Digest } from '../../../contracts/names.js';
import { errorFields } from '../log.js';
import type { Random } from '../random.js';
import { type ActorParts, JobActor } from './job-actor.js';
import type { JobQueue } from './job-queue.js';
import { isOver } from './job-state.js';
import { type Keep, leftovers } from './leftovers.js';

export interface RunnerParts<R extends AnyJob> extends ActorParts<R> {
  readonly queue: JobQueue;
  readonly ackWaitMs: number;
  readonly keep: Keep;
  /** Data sets that lie in the bucket of these jobs, and that a job needs. */
  readonly dataOf?: (record: R) => readonly Digest[];
  /** The one job that this process was started for, and what ends the process after it. */
  readonly only: { readonly id: string; readonly end: () => void } | undefined;
  readonly random: Random;
}

const RETRY_MS = 1_000;
const TIDY_MS = 600_000;
/** More than a page of them helps nobody, and a reply has an end. */
const JOBS_SHOWN_MAX = 100;

export class JobRunner<R extends AnyJob> {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private actor: JobActor<R> | undefined;
  private stopTidying: (() => void) | undefined;

  constructor(private readonly parts: RunnerParts<R>) {}

  start(): void {
    const { only } = this.parts;
    this.running = this.sweep().then(() => (only ? this.carryOutOnly(only) : this.loop()));
    this.stopTidying = this.parts.clock.every(TIDY_MS, () => void this.tidy());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.stopTidying?.();
    this.actor?.leave();
    await this.running;
  }

  /** The record is there before the queue knows of it; a submit that dies between the two leaves a job that can be cancelled. */
  async submit(recordOf: (base: JobBase) => R, terms?: JobTerms): Promise<R> {
    const { store, queue, clock, runsOn } = this.parts;
    const at = new Date(clock.now()).toISOString();
    const record = recordOf({
      id: this.newId(),
      state: 'queued',
      attempts: 0,
      cancelAsked: false,
      terms: terms ?? JobTerms.parse({}),
      runsOn,
      createdAt: at,
      updatedAt: at,
    });
    await store.create(record);
    if (runsOn === 'trainers') await queue.add(record.id);
    return record;
  }

  /** Newest first, a page of them. */
  async jobs(): Promise<R[]> {
    return (await this.parts.store.all()).slice(0, JOBS_SHOWN_MAX);
  }

  /** Taken back where nobody works on it; else its worker hears of it within a second. */
  async cancel(id: string): Promise<R> {
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
        log.warn('jobs.sweep.failed', errorFields(error)),
      );
    }
  }

  /** What ended jobs left goes when its time is over; every process may, since what is gone already is no error. */
  private async tidy(): Promise<void> {
    const { store, objects: bucket, keep, clock, log, dataOf } = this.parts;
    try {
      // Objects first: a job that comes meanwhile is seen with what it needs.
      const objects = await bucket.list();
      const gone = leftovers(await store.all(), objects, keep, clock.now(), dataOf);
      for (const name of gone.objects) await bucket.drop(name);
      for (const id of gone.jobs) await store.forget(id);
      if (gone.objects.length + gone.jobs.length > 0)
        log.info('jobs.tidied', { jobs: gone.jobs.length, objects: gone.objects.length });
    } catch (error) {
      log.warn('jobs.tidy.failed', errorFields(error));
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
        log.warn('jobs.queue.failed', errorFields(error));
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** No queue gave it to us: the scheduler sees the record, and that this process is gone. */
  private async carryOutOnly({ id, end }: { readonly id: string; readonly end: () => void }): Promise<void> {
    const message = { ack: () => undefined, nak: () => undefined, working: () => undefined };
    await this.carryOut(id, message).catch((error: unknown) =>
      this.parts.log.warn('job.left', { job: id, ...errorFields(error) }),
    );
    if (!this.stopping.signal.aborted) end();
  }

  private async carryOut(
    id: string,
    message: { ack(): void; nak(ms?: number): void; working(): void },
  ): Promise<void> {
    const { store, clock, ackWaitMs, log } = this.parts;
    const record = await store.read(id);
    if (isOver(record)) return message.ack();
    const actor = new JobActor<R>(this.parts, id);
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
