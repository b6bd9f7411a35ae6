// One sequence as an actor: one step at a time, in order of arrival, its state from step to step, and the answers that a repeated
// request gets. It knows neither the bus nor the runtime; sequences.ts holds those of a replica.
import { createHash } from 'node:crypto';
import { type Failure, failure } from '../../../contracts/errors.js';
import type { Body } from '../../../contracts/infer-body.js';
import { ownBytes } from '../../../contracts/space.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { toBlob } from '../../../contracts/tensor.js';
import { Mailbox } from '../../mesh/mailbox.js';
import type { Waiting } from './request-queue.js';

export interface Step {
  readonly sequence: LiveSequence;
  readonly waiting: Waiting;
  readonly start: boolean;
  readonly end: boolean;
  /** The same request came again while it waits or runs: they get the same answer. */
  readonly twins: Waiting[];
  /** What the run gave; it counts when the step was answered. */
  next?: readonly Tensor[];
}

/** What a step gave: for the caller, or for step `goesTo` of the pipeline. */
export interface StepAnswer {
  readonly body: Body;
  readonly goesTo?: number | undefined;
}

/** A caller sends the next step when it has the answer of the last; some send a few ahead. */
const MAILBOX = { messagesMax: 64, bytesMax: 16 * 1024 * 1024 };
/** Request ids that are remembered, so that a late repetition does not run a second time. */
const REQUESTS_KEPT = 32;

export class LiveSequence {
  touchedMs: number;
  state: readonly Tensor[];
  /** Since it was begun. */
  steps = 0;
  ended = false;
  /** It is on its way to another engine: no further step begins here. */
  frozen = false;
  /** Begun anew elsewhere while it was on its way. */
  superseded = false;
  running: Step | undefined;
  /** Newest last. */
  requests: string[] = [];
  /** To the newest of them. */
  answer: StepAnswer | undefined;
  /** What it counts in the budget of the engine. */
  bytes = 0;
  /** Digest of the state with which another engine gave it to us. */
  cameAs: string | undefined;
  private readonly mailbox: Mailbox<Step>;
  private readonly waiting = new Map<string, Step>();
  private rested: (() => void) | undefined;

  constructor(
    readonly key: string,
    readonly endpoint: string,
    readonly id: string,
    initial: readonly Tensor[],
    nowMs: number,
  ) {
    this.mailbox = new Mailbox(`Sequence ${id}`, MAILBOX);
    this.state = initial;
    this.touchedMs = nowMs;
  }

  get busy(): boolean {
    return this.running !== undefined || this.mailbox.depth > 0;
  }

  get depth(): number {
    return this.mailbox.depth;
  }

  /** The step under this request id that waits or runs. */
  pending(requestId: string): Step | undefined {
    return requestId === '' ? undefined : this.waiting.get(requestId);
  }

  /** `answered`: with `answer`; `forgotten`: its answer is not kept any more. */
  before(requestId: string): 'new' | 'answered' | 'forgotten' {
    if (requestId === '' || !this.requests.includes(requestId)) return 'new';
    return this.requests.at(-1) === requestId && this.answer ? 'answered' : 'forgotten';
  }

  /** Throws MAILBOX_FULL. */
  put(step: Step): void {
    this.mailbox.put(step, step.waiting.body.length);
    const { requestId } = step.waiting.to;
    if (requestId !== '') this.waiting.set(requestId, step);
  }

  /** The next step that may run; it runs until `done`. */
  begin(): Step | undefined {
    if (this.running !== undefined || this.frozen) return undefined;
    this.running = this.mailbox.take();
    return this.running;
  }

  /** Without an answer the step has failed and the state is what it was before. */
  done(step: Step, answer: StepAnswer | undefined, nowMs: number): void {
    this.running = undefined;
    this.touchedMs = nowMs;
    const { requestId } = step.waiting.to;
    this.waiting.delete(requestId);
    if (answer !== undefined) {
      this.steps++;
      this.state = step.next ?? this.state;
      this.ended = step.end;
      // Without an id nobody can ask for it again.
      this.answer = requestId === '' ? undefined : ownAnswer(answer);
      if (requestId !== '') this.requests = [...this.requests.slice(1 - REQUESTS_KEPT), requestId];
    }
    this.rested?.();
  }

  /** No step runs and none begins any more. */
  async freeze(): Promise<void> {
    this.frozen = true;
    if (this.running !== undefined) await new Promise<void>((resolve) => (this.rested = resolve));
  }

  takeAll(): Step[] {
    const all: Step[] = [];
    for (let next = this.mailbox.take(); next; next = this.mailbox.take()) all.push(next);
    this.waiting.clear();
    return all;
  }

  stateBytes(): number {
    return this.ended ? 0 : bytesOf(this.state);
  }
}

export const bytesOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce(
    (sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : toBlob(data).length),
    0,
  );

/** A copy of its own: an output of a batch would keep the whole batch in memory. */
export function ownCopy(tensor: Tensor, name: string): Tensor {
  const { data } = tensor;
  return {
    ...tensor,
    name,
    data: Array.isArray(data) ? ([...data] as typeof data) : (data.slice() as typeof data),
  };
}

const ownAnswer = ({ body, ...answer }: StepAnswer): StepAnswer => ({
  ...answer,
  body: { ...body, bytes: ownBytes(body.bytes) },
});

export const lostSequence = (id: string, why: string): Failure =>
  failure('SEQUENCE_LOST', `The sequence ${shown(id)} ${why}.`);

/** A stranger's text inside a sentence of ours. */
export const shown = (id: string): string => JSON.stringify(id.slice(0, 64));

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
