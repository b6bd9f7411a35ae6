// What waits in front of one replica and which of it runs next: decodes what comes into reach, lets go of what is late or cannot be
// in time, and asks decideBatch for the rest. It learns from every run. The replica turns it and speaks to callers.
import { failure, type Failure, toFailure } from '../../../contracts/errors.js';
import type { RunFacts } from './concurrency-limit.js';
import type { RunTimes } from './counts.js';
import { type Candidate, decideBatch } from './decide-batch.js';
import type { LatencyCurve, LatencyPoint } from './latency-curve.js';
import { LearnedCurves } from './learned-curves.js';
import { Pace } from './pace.js';
import { type Decoded, type Ready, RequestQueue, type Waiting } from './request-queue.js';
import { answerByMs, timeLeft } from './time-left.js';

/** `full`: no room for it; the others could not be answered in time, or not at all. */
export type LetGo = 'expired' | 'hopeless' | 'refused' | 'full';

export interface SchedulerParts {
  readonly id: string;
  readonly points: readonly LatencyPoint[];
  /** Numbers a row of the warm-up had. */
  readonly rowItems: number;
  /** Rows that share a run at most; 1: every request runs alone. */
  readonly rowsMax: number;
  readonly decode: (request: Waiting) => Decoded;
  readonly letGo: (request: Waiting, why: LetGo, error: Failure) => void;
}

/** Requests looked at for one decision: the largest run that is tried, or some of those that serve most. Each look costs every request some 0.1 us. */
const LOOK_MIN = 16;
const LOOK_RUNS = 3;
/** A model that is best alone is tried with two now and then, or it would never be found out that this changed. */
const TRY_EVERY = 256;
/** Numbers of all inputs of one run: an arena that grew once stays that large. */
const RUN_ITEMS_MAX = 16_777_216;
/** Wait that a new request is turned away for, relative to its time: an estimate of a queue is rough. */
const WAIT_FACTOR = 1.25;
/** Of a run, in the rows that a request has. */
const ROWS_WEIGHT = 0.05;

export class Scheduler {
  readonly queue = new RequestQueue();
  private readonly curves: LearnedCurves;
  private readonly pace = new Pace();
  private readonly apart = new Set<string>();
  private sinceTry = 0;
  private requestRows = 1;
  /** Of the turn that is under way. */
  private ranMs = 0;
  private best: RunFacts | undefined;

  constructor(private readonly parts: SchedulerParts) {
    this.curves = new LearnedCurves(parts.points, parts.rowItems);
  }

  get curve(): LatencyCurve {
    return this.curves.latest;
  }

  /** What a request costs while there is more to do. */
  get requestMs(): number {
    const { requests, ms } = this.bestRun;
    return (this.pace.besideMs + ms) / requests;
  }

  /** What a run of these takes, by what is known of the shape that ran last. */
  runMs(batch: readonly Ready[]): number {
    return this.curve.runMs(batch.reduce((sum, { decoded }) => sum + Math.max(decoded.rows, 1), 0));
  }

  /** The size that serves most, of the shape that ran last. */
  get batchMax(): number {
    return Math.min(this.curve.bestRun, this.parts.rowsMax);
  }

  /** The run that serves most, of requests as large as those that ran lately. Asked for each that comes, found anew each turn. */
  get bestRun(): RunFacts {
    return (this.best ??= this.findBestRun());
  }

  /** Whether a request that came just now would wait in vain: said at once, so that another replica has the time to help. */
  inVain(request: Waiting, nowMs: number): boolean {
    const leftMs = answerByMs(request, nowMs);
    if (leftMs <= 0) return true;
    if (!this.curve.isFresh(nowMs)) return false;
    const { requests, ms } = this.bestRun;
    const ahead = this.queue.placeOf(request.rank);
    const turns = Math.floor(ahead / requests);
    const ownMs = this.curve.runMs(((ahead % requests) + 1) * this.requestRows) / this.curve.margin;
    const waitMs = turns * (this.pace.besideMs + ms) + ownMs;
    return waitMs > leftMs * WAIT_FACTOR;
  }

  /** The requests of the next run, taken out of the queue; none when nothing waits. */
  next(nowMs: number): Ready[] {
    for (;;) {
      const [head] = this.look(1, nowMs);
      if (head === undefined) return [];
      const batch = this.choose(head, nowMs);
      if (batch.length > 0) return batch;
    }
  }

  /** After a run of so many requests, of any that was in it. */
  learn(one: Ready, requests: number, rows: number, times: RunTimes, nowMs: number): void {
    const { inputMs, inferMs, outputMs } = times;
    this.requestRows += (rows / requests - this.requestRows) * ROWS_WEIGHT;
    this.ranMs += inputMs + inferMs + outputMs;
    this.best = undefined;
    this.curveOf(one).observe(rows, { inferMs, handlingMs: inputMs + outputMs }, nowMs);
  }

  /** Its shape could not share a run although it should have. */
  keepApart({ decoded }: Ready): void {
    if (this.apart.size < KEPT_APART_MAX) this.apart.add(decoded.key);
  }

  turned(nowMs: number): void {
    this.pace.turned(nowMs, this.ranMs, this.queue.length > 0);
    this.ranMs = 0;
    this.best = undefined;
  }

  private findBestRun(): RunFacts {
    const rows = Math.max(this.batchMax, this.requestRows);
    return { requests: Math.max(1, Math.round(rows / this.requestRows)), ms: this.curve.runMs(rows) };
  }

  private choose(head: Ready, nowMs: number): Ready[] {
    const curve = this.curveOf(head);
    const rowsMax = this.rowsMax(head, curve);
    if (rowsMax === 1 || head.decoded.rows === 0) return this.alone(head, curve, nowMs);
    const { key } = head.decoded;
    const ahead = this.look(Math.max(rowsMax, curve.bestRun * LOOK_RUNS, LOOK_MIN), nowMs);
    const group: Ready[] = [];
    const waiting: Candidate[] = [];
    for (const one of ahead) {
      const { rows, key: own } = one.decoded;
      if (rows === 0 || own !== key) continue;
      group.push(one);
      waiting.push({ rows, leftMs: answerByMs(one, nowMs) });
    }
    if (group.length === 1) return this.alone(head, curve, nowMs);
    const taken = decideBatch(waiting, curve, rowsMax);
    if (taken.length === 0) return this.alone(head, curve, nowMs);
    const batch = taken.map((i) => group[i] as Ready);
    this.leave(group, new Set(batch), ahead.length, curve, nowMs);
    return batch;
  }

  private alone(head: Ready, curve: LatencyCurve, nowMs: number): Ready[] {
    const gone = new Set<Waiting>([head]);
    this.queue.drop(gone, 1);
    const rows = Math.max(head.decoded.rows, 1);
    if (curve.isFresh(nowMs) && answerByMs(head, nowMs) < curve.runMs(rows) / curve.margin) {
      this.parts.letGo(head, 'hopeless', this.tooLate(head, curve.runMs(rows), nowMs));
      return [];
    }
    return [head];
  }

  /** Takes the batch out of the queue, and whoever could not be in time any more when its run is over. */
  private leave(
    group: readonly Ready[],
    batch: Set<Waiting>,
    within: number,
    curve: LatencyCurve,
    nowMs: number,
  ): void {
    const gone = batch;
    let rows = 0;
    for (const { decoded } of batch) rows += decoded?.rows ?? 0;
    const runMs = curve.runMs(rows);
    const { margin } = curve;
    for (const one of curve.isFresh(nowMs) ? group : []) {
      if (gone.has(one)) continue;
      const needMs = runMs + curve.runMs(one.decoded.rows);
      if (answerByMs(one, nowMs) >= needMs / margin) continue;
      gone.add(one);
      this.parts.letGo(one, 'hopeless', this.tooLate(one, needMs, nowMs));
    }
    this.queue.drop(gone, within);
  }

  private rowsMax({ decoded }: Ready, curve: LatencyCurve): number {
    if (this.parts.rowsMax === 1 || decoded.rows === 0 || this.apart.has(decoded.key)) return 1;
    const { bestRun, triedMax } = curve;
    if (bestRun === 1 && ++this.sinceTry < TRY_EVERY) return 1;
    if (bestRun === 1) this.sinceTry = 0;
    // Micro-batches that are joined again would leave the next stage without work.
    const microBatch = decoded.stage?.itinerary.plan.microBatch ?? Infinity;
    return Math.max(
      1,
      Math.min(triedMax, microBatch, this.parts.rowsMax, Math.floor(RUN_ITEMS_MAX / itemsOfRow(decoded))),
    );
  }

  private curveOf({ decoded }: Ready): LatencyCurve {
    return this.curves.of(decoded.key, itemsOfRow(decoded));
  }

  private look(max: number, nowMs: number): Ready[] {
    return this.queue.look(max, (next): next is Ready => this.isReady(next, nowMs));
  }

  private isReady(next: Waiting, nowMs: number): next is Ready {
    const left = timeLeft(next, nowMs);
    if (left !== 'enough') {
      const error =
        left === 'expired'
          ? failure('DEADLINE', `The request waited longer than its ${next.timeoutMs} ms.`)
          : failure('MAILBOX_FULL', `${this.parts.id} was busy for longer than the request has time.`);
      this.parts.letGo(next, 'expired', error);
      return false;
    }
    try {
      next.decoded ??= this.parts.decode(next);
      return true;
    } catch (error) {
      this.parts.letGo(next, 'refused', toFailure(error));
      return false;
    }
  }

  private tooLate(one: Waiting, needMs: number, nowMs: number): Failure {
    const left = Math.max(0, Math.floor(answerByMs(one, nowMs)));
    return failure(
      'MAILBOX_FULL',
      `${this.parts.id} needs about ${Math.ceil(needMs)} ms, the request has ${left} ms left.`,
    );
  }
}

/** Shapes whose requests could not share a run; beyond these, others find out anew. */
const KEPT_APART_MAX = 64;

const itemsOfRow = ({ items, rows }: Decoded): number => Math.max(1, items / Math.max(rows, 1));
