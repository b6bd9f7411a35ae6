// Runs a batch on a session and gives every caller its own rows. When something about the joint run fails, each request is run
// by itself: one request's values must not cost the others their answer. scheduler.ts decides what makes a batch.
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import { type Body, encodeInferResponse, type InferResponse } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Rest } from '../../mesh/calls/small-message.js';
import type { Clock } from '../../mesh/clock.js';
import type { RunTimes } from './counts.js';
import { Gatherer, RowCut } from './gather.js';
import { JointAnswers } from './joint-answers.js';
import type { ModelSession } from './model-session.js';
import type { Ready } from './request-queue.js';
import { carriesRows, type RowAxes, SHARED } from './rows.js';
import type { RunLoop } from './run-loop.js';
import type { Onward, Stage } from './stage.js';
import { timeLeft } from './time-left.js';

export interface BatchRunParts {
  readonly session: Pick<ModelSession, 'run'>;
  readonly loop: RunLoop;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly model: string;
  readonly label: string;
  /** Of the model's classes. */
  readonly labels?: readonly string[] | undefined;
  /** Undefined: every request runs alone. */
  readonly axes: RowAxes | undefined;
  readonly aboutToRun: () => void;
  /** What the caller gets of the outputs; a sequence keeps the rest. */
  readonly seen: (one: Ready, outputs: Tensor[]) => Tensor[];
  readonly answered: (one: Ready, body: Body) => void;
  /** One of many that begin alike, its rows ready to be copied. False: it has to be answered as any other. */
  readonly answeredAlike: (one: Ready, head: Uint8Array, rows: Rest, nowMs: number) => boolean;
  /** The caller has its answer: whoever watches the version may look at it. */
  readonly observed: (one: Ready, outputs: readonly Tensor[], taps: readonly Tensor[]) => void;
  /** Whether whoever watches has room for another answer. */
  readonly watched: () => boolean;
  /** A step of a pipeline is done. */
  readonly passedOn: (one: Ready, onward: Onward) => void;
  /** Hears of the outputs of one that was run; those who asked the same get them too. */
  readonly repeated: (one: Ready, outputs: readonly Tensor[]) => readonly Ready[];
  readonly refused: (one: Ready, error: Failure) => void;
  /** After each run that gave its outputs, the callers being answered. */
  readonly ran: (requests: number, rows: number, times: RunTimes) => void;
}

/** `alone`: the requests had to be run one by one although they might have shared a run. */
export type BatchEnd = 'joined' | 'alone' | 'single';

const NOTHING: readonly Tensor[] = [];

export class BatchRun {
  private readonly gatherer: Gatherer;
  private runStartedMs = 0;

  constructor(private readonly parts: BatchRunParts) {
    this.gatherer = new Gatherer(parts.axes?.inputs ?? []);
  }

  async run(batch: readonly Ready[]): Promise<BatchEnd> {
    const { axes } = this.parts;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      await this.runAlone(first);
      return 'single';
    }
    if (axes !== undefined && (await this.runJoined(batch, axes))) return 'joined';
    let succeeded = true;
    for (const one of batch) succeeded = (await this.runAlone(one)) && succeeded;
    // A batch that fails because of one of its requests says nothing of batches.
    return succeeded ? 'alone' : 'joined';
  }

  private async runAlone(one: Ready): Promise<boolean> {
    const { clock } = this.parts;
    const { stage, inputs } = one.decoded;
    if (stage && stage.runs.length !== 1) return this.runRows(one, stage);
    let outputs: Tensor[];
    const taps: Tensor[] = [];
    try {
      outputs = await this.blockingRun(inputs, taps);
    } catch (error) {
      this.parts.refused(one, toFailure(error));
      return false;
    }
    const ranMs = clock.monotonicMs();
    this.answer(one, outputs, taps);
    const outputMs = clock.monotonicMs() - ranMs;
    const inferMs = ranMs - this.runStartedMs;
    this.parts.ran(1, Math.max(one.decoded.rows, 1), { inputMs: 0, inferMs, outputMs });
    return true;
  }

  /** A step of a pipeline whose rows run each by itself. Between them the loop reads, and what has no time left goes no further. */
  private async runRows(one: Ready, stage: Stage): Promise<boolean> {
    const { clock } = this.parts;
    const results: Tensor[][] = [];
    try {
      for (const inputs of stage.runs) {
        if (timeLeft(one, clock.monotonicMs()) === 'expired')
          throw failure(
            'DEADLINE',
            `Of ${stage.runs.length} rows ${results.length} ran in the request's time.`,
          );
        results.push(await this.blockingRun(inputs));
        const inferMs = clock.monotonicMs() - this.runStartedMs;
        this.parts.ran(1, 1, { inputMs: 0, inferMs, outputMs: 0 });
      }
      this.parts.passedOn(one, stage.finish(results));
      return true;
    } catch (error) {
      this.parts.refused(one, toFailure(error));
      return false;
    }
  }

  /** False when nobody was answered. */
  private async runJoined(batch: readonly Ready[], axes: RowAxes): Promise<boolean> {
    const { clock } = this.parts;
    const startedMs = clock.monotonicMs();
    let joinedMs: number;
    let outputs: Tensor[];
    const taps: Tensor[] = [];
    try {
      const inputs = this.gatherer.join(batch.map(({ decoded }) => decoded.inputs));
      joinedMs = clock.monotonicMs();
      outputs = await this.blockingRun(inputs, taps);
    } catch {
      return false; // the single runs say which request it was, and why
    }
    let total = 0;
    for (const { decoded } of batch) total += decoded.rows;
    const ranMs = clock.monotonicMs();
    if (!carriesRows(outputs, axes.outputs, total)) return false;
    const cuts = outputs.map((output, i) => new RowCut(output, axes.outputs[i] ?? SHARED, total));
    const tapCuts = taps.filter(({ shape }) => shape[0] === total).map((tap) => new RowCut(tap, 0, total));
    const rowsFrom = (all: readonly RowCut[], from: number, rows: number): Tensor[] =>
      all.map((one) => one.rows(from, rows));
    const joint = new JointAnswers(cuts);
    let from = 0;
    for (const one of batch) {
      const { rows } = one.decoded;
      const head = joint.beginning(one, from);
      if (head === undefined || !this.parts.answeredAlike(one, head, joint, ranMs)) {
        const tapped = tapCuts.length === 0 ? NOTHING : rowsFrom(tapCuts, from, rows);
        const body = this.answer(one, rowsFrom(cuts, from, rows), tapped);
        if (body) joint.wrote(one, body);
      }
      from += rows;
    }
    const outputMs = clock.monotonicMs() - ranMs;
    const inferMs = ranMs - this.runStartedMs;
    this.parts.ran(batch.length, total, { inputMs: joinedMs - startedMs, inferMs, outputMs });
    return true;
  }

  private passOn(one: Ready, stage: Stage, outputs: readonly Tensor[]): void {
    try {
      this.parts.passedOn(one, stage.finish([this.parts.seen(one, [...outputs])]));
    } catch (error) {
      this.parts.refused(one, toFailure(error));
    }
  }

  /** The library runs in an immediate of its own: until then the loop reads what came, which is no part of the run. */
  private blockingRun(inputs: readonly Tensor[], taps?: Tensor[]): Promise<Tensor[]> {
    const { aboutToRun, clock, loop, session, watched } = this.parts;
    const wanted = watched() ? taps : undefined;
    aboutToRun();
    setImmediate(() => (this.runStartedMs = clock.monotonicMs()));
    return loop.blocking(() => session.run(inputs, wanted));
  }

  /** Returns what its caller got. */
  private answer(one: Ready, outputs: Tensor[], taps: readonly Tensor[]): Body | undefined {
    const { stage } = one.decoded;
    if (stage) {
      this.passOn(one, stage, outputs);
      return undefined;
    }
    const others = this.parts.repeated(one, outputs);
    const body = this.say(one, outputs);
    for (const other of others) this.say(other, outputs);
    this.parts.observed(one, outputs, taps);
    return body;
  }

  /** Outputs as they are, and as this request wants them; undefined where that is not possible, of which it hears. */
  say(one: Ready, outputs: readonly Tensor[]): Body | undefined {
    const { request } = one.decoded;
    try {
      const response: InferResponse = {
        modelName: one.headers.endpoint || this.parts.model,
        modelVersion: this.parts.label,
        outputs: this.parts.seen(one, [...outputs]),
      };
      if (request.id !== undefined) response.id = request.id;
      const body = encodeInferResponse(response, request, this.parts.labels);
      this.parts.answered(one, body);
      return body;
    } catch (error) {
      this.parts.refused(one, toFailure(error));
      return undefined;
    }
  }
}
