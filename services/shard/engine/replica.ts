// One version in one engine: takes the messages of its data subject, refuses what it must, and runs the rest in turn with the
// engine's other replicas. Messages gather while a run blocks the process; the next run takes all that may share it, up to the
// batch that pays. A lone request runs at once.
import { failure, type Failure, toFailure } from '../../../contracts/errors.js';
import { checkInputs, checkOutputs, decodeInferRequest } from '../../../contracts/infer-body.js';
import { isInbox } from '../../../contracts/subjects.js';
import type { Clock } from '../../mesh/clock.js';
import type { ReplicaCounters } from '../engine-messages.js';
import { type Answers, returnAddress } from './answers.js';
import { BatchRun } from './batch-run.js';
import { canBatch, inOrder, rowsOf, shareKey } from './gather.js';
import type { ModelSession } from './model-session.js';
import { type Decoded, type Ready, RequestQueue, type Waiting } from './request-queue.js';
import { parseRunHeaders, type RunHeaders } from './run-headers.js';
import type { RunLoop, Turn } from './run-loop.js';
import { timeLeft } from './time-left.js';

export interface ReplicaTraits {
  readonly id: string;
  readonly model: string;
  readonly label: string;
  readonly labels?: readonly string[] | undefined;
  readonly capacity: number;
  readonly batchMax: number;
  /** What one run took at warm-up: the first value of the latency. */
  readonly runMs: number;
}

export interface ReplicaParts {
  readonly session: Pick<ModelSession, 'run' | 'release' | 'declared'>;
  readonly answers: Answers;
  readonly loop: RunLoop;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly aboutToRun: () => void;
}

/** Weight of a new batch in the moving average: some tens of batches are remembered. */
const LATENCY_WEIGHT = 0.1;

export class Replica implements Turn {
  private readonly queue = new RequestQueue();
  private readonly batchRun: BatchRun;
  private readonly batchable: boolean;
  private running = 0;
  private latencyMs: number;
  private served = 0;
  private failed = 0;
  private open = true;
  private emptied: (() => void) | undefined;

  constructor(
    readonly traits: ReplicaTraits,
    private readonly parts: ReplicaParts,
  ) {
    const { session, loop, aboutToRun, answers } = parts;
    this.latencyMs = traits.runMs;
    this.batchable = traits.batchMax > 1 && canBatch(session.declared.inputs, session.declared.outputs);
    this.batchRun = new BatchRun({
      session,
      loop,
      aboutToRun,
      model: traits.model,
      label: traits.label,
      labels: traits.labels,
      answered: (one, body) => {
        this.served++;
        answers.result(one.to, body, this.heldMs(one) * 1_000);
      },
      refused: (one, error) => this.refuse(one, error),
    });
  }

  get inFlight(): number {
    return this.queue.length + this.running;
  }

  private get batchMax(): number {
    return this.batchable && this.batchRun.canJoin ? this.traits.batchMax : 1;
  }

  counters(): ReplicaCounters {
    const { inFlight, latencyMs, batchMax, served, failed } = this;
    return { id: this.traits.id, inFlight, latencyMs, batchMax, served, failed };
  }

  /** A message of the data subject. Answers for itself and never throws. */
  accept(sender: string, headerText: string, body: Uint8Array): void {
    const { answers, clock, loop } = this.parts;
    let headers: RunHeaders;
    try {
      headers = parseRunHeaders(headerText);
    } catch (error) {
      return this.reject(sender, toFailure(error));
    }
    const to = returnAddress(sender, headers.reply, headers.requestId);
    // Nobody to answer, or somebody who wants our answer published where it does not belong.
    if (to === undefined)
      return this.reject(
        sender,
        failure('BAD_REQUEST', 'The reply subjects of a run message must be inboxes.'),
      );
    if (!this.open) return answers.error(to, this.leaving(), 0);
    if (this.inFlight >= this.traits.capacity) {
      const message = `${this.traits.id} holds ${this.inFlight} requests already.`;
      return answers.error(to, failure('MAILBOX_FULL', message), 0);
    }
    const { timeoutMs } = headers;
    const readAtMs = clock.monotonicMs();
    this.queue.push({ to, headers, body, readAtMs, unreadMsMax: loop.unreadMsMax, timeoutMs });
    loop.wake(this);
  }

  async runOnce(): Promise<boolean> {
    const nowMs = this.parts.clock.monotonicMs();
    const batch = this.queue.take(this.batchMax, (next): next is Ready => this.isReady(next, nowMs));
    const [first] = batch;
    if (first !== undefined) {
      this.running = batch.length;
      await this.batchRun.run(batch);
      this.running = 0;
      // The first of a batch waited longest: the honest number for whoever compares replicas.
      this.latencyMs += (this.heldMs(first) - this.latencyMs) * LATENCY_WEIGHT;
    }
    this.parts.answers.settle(this.inFlight);
    if (this.inFlight === 0) this.emptied?.();
    return this.queue.length > 0;
  }

  /** Finishes what it holds; when `late` comes first, what still waits is sent to other replicas. */
  async drain(late: Promise<void>): Promise<void> {
    this.open = false;
    if (this.inFlight > 0) await Promise.race([late, this.empty()]);
    for (const one of this.queue.takeAll()) this.refuse(one, this.leaving());
    // A run cannot be stopped, and its memory must not go away under it.
    if (this.running > 0) await this.empty();
    this.parts.answers.flush();
    await this.parts.session.release();
  }

  private empty(): Promise<void> {
    return new Promise((resolve) => (this.emptied = resolve));
  }

  private isReady(next: Waiting, nowMs: number): next is Ready {
    const left = timeLeft(next, nowMs);
    try {
      if (left === 'expired')
        throw failure('DEADLINE', `The request waited longer than its ${next.timeoutMs} ms.`);
      if (left === 'unsure')
        throw failure('MAILBOX_FULL', `${this.traits.id} was busy for longer than the request has time.`);
      next.decoded ??= this.decode(next);
      return true;
    } catch (error) {
      this.refuse(next, toFailure(error));
      return false;
    }
  }

  private decode({ body, headers }: Waiting): Decoded {
    const { inputs: specs, outputs } = this.parts.session.declared;
    const request = decodeInferRequest(body, headers.jsonLength, specs);
    checkInputs(request, specs);
    checkOutputs(request, outputs);
    const inputs = inOrder(request.inputs, specs);
    if (!this.batchable) return { request, inputs, rows: 0, key: '' };
    return { request, inputs, rows: rowsOf(inputs), key: shareKey(inputs) };
  }

  private refuse(one: Waiting, error: Failure): void {
    this.failed++;
    this.parts.answers.error(one.to, error, this.heldMs(one) * 1_000);
  }

  private reject(sender: string, error: Failure): void {
    if (isInbox(sender)) this.parts.answers.error({ sender, caller: '', requestId: '' }, error, 0);
  }

  private leaving(): Failure {
    return failure('REPLICA_LOST', `${this.traits.id} is leaving this engine.`);
  }

  private heldMs({ readAtMs }: Waiting): number {
    return this.parts.clock.monotonicMs() - readAtMs;
  }
}
