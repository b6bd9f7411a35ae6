// One version in one engine: takes the messages of its data subject, refuses what it must, and runs the rest in turn with the
// engine's other replicas. Messages gather while a run blocks the process; scheduler.ts says which of them share the next run.
import { failure, type Failure, toFailure } from '../../../contracts/errors.js';
import { isInbox } from '../../../contracts/subjects.js';
import type { Clock } from '../../mesh/clock.js';
import type { EngineStatistics, ReplicaCounters } from '../engine-messages.js';
import type { Answers } from './answers.js';
import { readArrival } from './arrival.js';
import { BatchRun } from './batch-run.js';
import { Counts } from './counts.js';
import { Decoding } from './decoding.js';
import { inStepOf } from './itinerary.js';
import type { KeptAnswers } from './kept-answers.js';
import type { LatencyPoint } from './latency-curve.js';
import type { ModelSession } from './model-session.js';
import type { Observer } from './observer.js';
import { peekBodyParameters } from '../../../contracts/body-parameters.js';
import type { Ready, Waiting } from './request-queue.js';
import { Repetitions } from './repetitions.js';
import type { RowAxes } from './rows.js';
import type { RunLoop, Turn } from './run-loop.js';
import { type LetGo, Scheduler } from './scheduler.js';
import type { Sequences, StepRunner } from './sequences.js';
import type { Onward } from './stage.js';
import { timeLeft } from './time-left.js';
import { WaitingRoom } from './waiting-room.js';

export interface ReplicaTraits {
  readonly id: string;
  readonly model: string;
  readonly label: string;
  readonly labels?: readonly string[] | undefined;
  readonly capacity: number;
  /** Undefined when requests cannot share a run. */
  readonly axes: RowAxes | undefined;
  /** What warm-up timed, one row first. */
  readonly points: readonly LatencyPoint[];
  /** Numbers a row of the warm-up had. */
  readonly rowItems: number;
  /** Rows that share a run at most. */
  readonly rowsMax: number;
}

export interface ReplicaParts {
  readonly session: Pick<ModelSession, 'run' | 'release' | 'declared'>;
  readonly answers: Answers;
  readonly loop: RunLoop;
  readonly clock: Pick<Clock, 'monotonicMs' | 'now'>;
  readonly aboutToRun: () => void;
  /** Of a stateful version. */
  readonly sequences?: Sequences;
  /** Absent: nobody is told what was answered. */
  readonly observer?: Observer;
  /** Of the whole engine. */
  readonly kept: KeptAnswers;
}

/** Weight of a new batch in the moving average: some tens of batches are remembered. */
const LATENCY_WEIGHT = 0.1;

export class Replica implements Turn, StepRunner {
  private readonly scheduler: Scheduler;
  private readonly counts = new Counts();
  private readonly waitingRoom: WaitingRoom;
  private readonly batchRun: BatchRun;
  private readonly repetitions: Repetitions;
  private readonly decoding: Decoding;
  private batch: readonly Ready[] = [];
  private latencyMs: number;
  private open = true;
  private emptied: (() => void) | undefined;

  constructor(
    readonly traits: ReplicaTraits,
    private readonly parts: ReplicaParts,
  ) {
    const { session, loop, clock, aboutToRun, answers, sequences, kept, observer } = parts;
    const { id, capacity, model, label, axes, points, rowItems, rowsMax } = traits;
    this.latencyMs = points[0]?.runMs ?? 0;
    this.decoding = new Decoding({ declared: session.declared, labels: traits.labels, axes, sequences });
    this.scheduler = new Scheduler({
      id,
      points,
      rowItems,
      rowsMax: axes === undefined ? 1 : rowsMax,
      decode: (request) => this.decoding.decode(request),
      letGo: (request, why, error) => this.letGo(request, why, error),
    });
    this.waitingRoom = new WaitingRoom({
      id,
      capacity,
      scheduler: this.scheduler,
      counts: this.counts,
      inFlight: () => this.inFlight,
      letGo: (request, why, error) => this.letGo(request, why, error),
    });
    this.repetitions = new Repetitions({
      replica: id,
      kept,
      clock,
      decode: (request) => this.decoding.of(request),
    });
    this.batchRun = new BatchRun({
      session,
      loop,
      clock,
      aboutToRun,
      model,
      label,
      axes,
      labels: traits.labels,
      seen: (one, outputs) =>
        sequences?.seen(one, outputs, one.decoded.request.outputs !== undefined) ?? outputs,
      answered: (one, body) => {
        const heldMs = this.heldMs(one);
        this.counts.answered(heldMs);
        answers.result(one.to, body, heldMs * 1_000);
        sequences?.answered(one, { body }, heldMs * 1_000);
      },
      answeredAlike: (one, head, rows, nowMs) => {
        // Whoever looks at outputs, or keeps them, is told of each.
        if (sequences || observer?.wants || !this.repetitions.isAlone(one)) return false;
        const heldMs = nowMs - one.readAtMs;
        if (!answers.rows(one.to, head, rows, heldMs * 1_000)) return false;
        this.repetitions.ended(one);
        this.counts.answered(heldMs);
        observer?.passed();
        return true;
      },
      observed: ({ to: { requestId }, headers: { caller }, decoded: { rows, inputs } }, outputs, taps) =>
        observer?.see({ requestId, caller, rows, inputs, outputs, taps }),
      watched: () => observer?.hasRoom ?? false,
      passedOn: (one, onward) => this.passOn(one, onward),
      repeated: (one, outputs) => this.repetitions.answered(one, outputs),
      refused: (one, error) => this.refuse(one, error),
      ran: (requests, rows, times) => {
        this.counts.ran(times, requests, rows, Math.round(clock.now()));
        const [first] = this.batch;
        if (first !== undefined) this.scheduler.learn(first, requests, rows, times, clock.monotonicMs());
      },
    });
  }

  get inFlight(): number {
    return this.scheduler.queue.length + this.batch.length + (this.parts.sequences?.waiting ?? 0);
  }

  counters(): ReplicaCounters {
    const { inFlight, latencyMs } = this;
    const { batchMax, requestMs: itemMs } = this.scheduler;
    const { served, refused: failed } = this.counts;
    const sequences = this.parts.sequences?.counters();
    return {
      id: this.traits.id,
      inFlight,
      limit: this.waitingRoom.requests,
      itemMs,
      latencyMs,
      batchMax,
      served,
      failed,
      ...(sequences && { sequences }),
    };
  }

  /** Memory is known to the host alone. */
  statistics(): EngineStatistics {
    const { counts, scheduler } = this;
    return {
      replica: this.traits.id,
      statistics: {
        last_inference: counts.lastInferenceMs,
        inference_count: counts.rows,
        execution_count: counts.runs,
        inference_stats: counts.inferStatistics,
        batch_stats: counts.batchStatistics,
        memory_usage: [],
      },
      scheduling: counts.scheduling,
      curve: scheduler.curve
        .points()
        .map(({ rows, runMs, inferMs }) => ({ rows, run_ms: runMs, infer_ms: inferMs })),
    };
  }

  /** A message of the data subject. Answers for itself and never throws. */
  accept(sender: string, headerText: string, body: Uint8Array): void {
    const { answers, clock, loop } = this.parts;
    let request: Waiting;
    try {
      request = readArrival(sender, headerText, body, clock.monotonicMs(), loop);
    } catch (error) {
      return this.reject(sender, toFailure(error));
    }
    const { to, headers } = request;
    try {
      if (this.isStep(request)) return this.parts.sequences?.accept(request);
    } catch (error) {
      return answers.error(to, inStepOf(headers, toFailure(error)), 0);
    }
    if (!this.open) return answers.error(to, inStepOf(headers, this.leaving()), 0);
    this.take(request);
  }

  room(): void {
    this.waitingRoom.room();
  }

  private take(request: Waiting): void {
    if (!this.repeats(request) && this.waitingRoom.admits(request)) this.enqueue(request);
  }

  enqueue(request: Waiting): void {
    this.waitingRoom.entered(request);
    this.parts.loop.wake(this);
  }

  /** Its sequences go to other engines; while they do, steps come and are sent after them. */
  async handOver(late: Promise<void>): Promise<void> {
    await this.parts.sequences?.handOver(late);
  }

  /** Of a sequence: by its headers, or by its body for those who send no such headers. */
  private isStep(request: Waiting): boolean {
    if (!this.parts.sequences) return false;
    const { headers, body } = request;
    const sequence = headers.sequence ?? peekBodyParameters(body, headers.jsonLength).sequence;
    // The headers are those of other requests as well.
    if (sequence !== headers.sequence) request.headers = { ...headers, sequence };
    return sequence !== undefined;
  }

  /** True when it is not to be run: it was answered, refused, or waits for the one that it repeats. */
  private repeats(request: Waiting): boolean {
    try {
      const met = this.repetitions.meet(request);
      const { cache } = request.to;
      if (cache !== undefined) this.counts.looked(cache, this.heldMs(request));
      if (met === 'new' || met === 'joined') return met === 'joined';
      this.batchRun.say(this.decoding.of(request), met.outputs);
      this.settle();
    } catch (error) {
      this.refuse(request, toFailure(error));
      this.settle();
    }
    return true;
  }

  /** The caller of a queued request does not want its answer any more; what runs already is answered to nobody. */
  forget(sender: string): void {
    const forgotten = this.scheduler.queue.forget(sender);
    if (forgotten === undefined && !this.repetitions.forget(sender)) return;
    this.counts.cancelled++;
    if (forgotten) {
      this.parts.sequences?.refused(forgotten, failure('UNAVAILABLE', 'The caller gave up.'), 0);
      // Who asked the same still wants it.
      for (const other of this.repetitions.ended(forgotten)) this.take(other);
    }
    this.settle();
  }

  get waiting(): number {
    return this.scheduler.queue.length;
  }

  get runMax(): number {
    return this.scheduler.batchMax;
  }

  async runOnce(): Promise<boolean> {
    const { clock } = this.parts;
    const startedMs = clock.monotonicMs();
    this.batch = this.scheduler.next(startedMs);
    const { batch } = this;
    const [first] = batch;
    if (first !== undefined) {
      const runAtMs = clock.monotonicMs(); // reading the bodies took its time
      for (const one of batch) {
        if (timeLeft(one, runAtMs) === 'expired') this.counts.overdue++;
        this.counts.queued(startedMs - one.readAtMs);
      }
      this.waitingRoom.begun(batch, startedMs);
      this.parts.answers.beforeRun(this.scheduler.runMs(batch));
      if ((await this.batchRun.run(batch)) === 'alone') this.scheduler.keepApart(first);
      this.batch = [];
      // The first of a batch waited longest: the honest number for whoever compares replicas.
      this.latencyMs += (this.heldMs(first) - this.latencyMs) * LATENCY_WEIGHT;
      this.scheduler.turned(clock.monotonicMs());
    }
    this.settle();
    return this.scheduler.queue.length > 0;
  }

  /** Finishes what it holds; when `late` comes first, what still waits is sent to other replicas. */
  async drain(late: Promise<void>): Promise<void> {
    this.open = false;
    if (this.inFlight > 0) await Promise.race([late, this.empty()]);
    for (const one of this.scheduler.queue.takeAll()) this.refuse(one, this.leaving());
    // A run cannot be stopped, and its memory must not go away under it.
    if (this.batch.length > 0) await this.empty();
    this.parts.answers.flush();
    this.parts.observer?.report();
    await this.parts.sequences?.close();
    this.repetitions.close();
    await this.parts.session.release();
  }

  private empty(): Promise<void> {
    return new Promise((resolve) => (this.emptied = resolve));
  }

  private settle(): void {
    const { inFlight } = this;
    this.parts.answers.settle(inFlight, this.waitingRoom.requests);
    if (inFlight > 0) return;
    this.waitingRoom.emptied(this.parts.clock.monotonicMs());
    this.emptied?.();
  }

  private letGo(request: Waiting, why: LetGo, error: Failure): void {
    if (why === 'expired') this.counts.expired++;
    else if (why === 'hopeless') this.counts.hopeless++;
    this.refuse(request, error);
  }

  /** To the replica of the next step, or home. */
  private passOn(one: Ready, onward: Onward): void {
    const { answers, sequences } = this.parts;
    const heldMs = this.heldMs(one);
    const { stage } = one.decoded;
    const { body } = onward;
    const goesTo = onward.kind === 'on' ? onward.step : undefined;
    if (onward.kind === 'home' || !stage) answers.result(one.to, body, heldMs * 1_000);
    else {
      const leftMs = one.timeoutMs - heldMs;
      if (leftMs < 1) throw failure('DEADLINE', 'The request has no time left for the next step.');
      const sequenceCount = sequences?.countWith(one);
      answers.passOn(one.to, one.headers, { itinerary: stage.itinerary, ...onward, leftMs, sequenceCount });
    }
    this.counts.answered(heldMs);
    sequences?.answered(one, { body, goesTo }, heldMs * 1_000);
  }

  private refuse(one: Waiting, cause: Failure): void {
    const error = inStepOf(one.headers, cause);
    const heldMs = this.heldMs(one);
    this.counts.failed(heldMs);
    this.parts.answers.error(one.to, error, heldMs * 1_000);
    this.parts.sequences?.refused(one, error, heldMs * 1_000);
    const others = this.repetitions.ended(one);
    // Its own time or its own place was over, which says nothing of those who asked the same.
    const apart = error.code === 'DEADLINE' || error.code === 'MAILBOX_FULL';
    for (const other of others)
      if (apart && this.open) this.take(other);
      else this.refuse(other, error);
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
