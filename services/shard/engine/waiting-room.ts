// Who may wait in front of a replica, and who must go: by its limit, by the time that a request has, by priority. The replica asks it
// at the door and at each run; the scheduler keeps the queue itself.
import { type Failure, failure } from '../../../contracts/errors.js';
import { limitFor } from '../../mesh/routing/limit-share.js';
import { ConcurrencyLimit } from './concurrency-limit.js';
import type { Counts } from './counts.js';
import type { Ready, Waiting } from './request-queue.js';
import type { LetGo, Scheduler } from './scheduler.js';

export interface WaitingRoomParts {
  readonly id: string;
  readonly capacity: number;
  readonly scheduler: Scheduler;
  readonly counts: Counts;
  /** All that the replica holds. */
  readonly inFlight: () => number;
  readonly letGo: (request: Waiting, why: LetGo, error: Failure) => void;
}

export class WaitingRoom {
  private readonly limit: ConcurrencyLimit;
  /** Said by the thousand: made once, and written once (answers.ts). */
  private readonly inVain: Failure;
  private enough: Failure;

  constructor(private readonly parts: WaitingRoomParts) {
    this.limit = new ConcurrencyLimit(parts.capacity);
    this.inVain = failure(
      'MAILBOX_FULL',
      `${parts.id} has more requests before it than it can answer in the request's time.`,
    );
    this.enough = this.holdsEnough(0);
  }

  /** Requests that the replica would hold now. */
  get requests(): number {
    return this.limit.requests;
  }

  /** For what is no request of its own accord. @throws Failure MAILBOX_FULL at the capacity. */
  room(): void {
    if (this.parts.inFlight() < this.parts.capacity) return;
    this.parts.counts.full++;
    throw this.full;
  }

  /** Makes room for a higher priority; a request that would wait in vain gets none. Who is not let in has been told so. */
  admits(request: Waiting): boolean {
    const { id, counts, scheduler, inFlight, letGo } = this.parts;
    if (scheduler.inVain(request, request.readAtMs)) {
      letGo(request, 'hopeless', this.inVain);
      return false;
    }
    if (inFlight() < this.roomOf(request)) return true;
    const victim = scheduler.queue.displace(request.level);
    if (victim === undefined) {
      counts.full++;
      letGo(request, 'full', this.full);
      return false;
    }
    counts.displaced++;
    const message = `${id} is full, and a request of a higher priority took the place.`;
    letGo(victim, 'full', failure('MAILBOX_FULL', message, { retryAfterMs: this.drainedMs }));
    return true;
  }

  entered(request: Waiting): void {
    this.limit.arrived(request.readAtMs);
    this.parts.scheduler.queue.push(request);
  }

  /** These run now. When that shows that a queue stands, what waits beyond the limit is handed back: others may have the time. */
  begun(batch: readonly Ready[], nowMs: number): void {
    const { scheduler } = this.parts;
    let waitedMs = Number.POSITIVE_INFINITY;
    for (const { readAtMs } of batch) waitedMs = Math.min(waitedMs, nowMs - readAtMs);
    const run = { requests: batch.length, waitedMs, waiting: scheduler.queue.length };
    if (this.limit.begun(run, scheduler.bestRun, nowMs)) this.handBack();
  }

  emptied(nowMs: number): void {
    this.limit.emptied(nowMs);
  }

  private handBack(): void {
    const { counts, scheduler, inFlight, letGo } = this.parts;
    for (let beyond = inFlight() - this.limit.requests; beyond > 0; beyond--) {
      const last = scheduler.queue.displace(0, isBegun);
      if (last === undefined) return;
      counts.full++;
      letGo(last, 'full', this.full);
    }
  }

  private roomOf(request: Waiting): number {
    const { capacity } = this.parts;
    if (isBegun(request)) return capacity;
    return Math.min(limitFor(this.limit.requests, request.headers.priority), capacity);
  }

  private get full(): Failure {
    const { drainedMs } = this;
    if (this.enough.retryAfterMs !== drainedMs) this.enough = this.holdsEnough(drainedMs);
    return this.enough;
  }

  private holdsEnough(retryAfterMs: number): Failure {
    return failure('MAILBOX_FULL', `${this.parts.id} holds as many requests as it may.`, { retryAfterMs });
  }

  /** When what it holds will be done. */
  private get drainedMs(): number {
    return Math.ceil(this.parts.inFlight() * this.parts.scheduler.requestMs);
  }
}

/** Whoever comes from another step of a pipeline has been worked for already. */
const isBegun = ({ headers: { plan, step } }: Waiting): boolean => plan !== '' && step > 0;
