// Sends what a replica has to say: results and final errors the short way home to the caller, retryable failures to the router
// alone, and to each router now and then one message with the outcomes of what it forwarded. Replicas use it, nothing else.
import type { NatsConnection } from '@nats-io/transport-node';
import { type Failure, failure, inStep, toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import type { Body } from '../../../contracts/infer-body.js';
import type { TakesLarge } from '../../../contracts/large-body.js';
import { type Outcome, OUTCOMES_TOKEN, type Outcomes } from '../../../contracts/outcome.js';
import { sequenceHeaders } from '../../../contracts/sequence.js';
import { isInbox, subjects } from '../../../contracts/subjects.js';
import { refusalOf, type Written, writtenOf } from '../../mesh/refusal.js';
import type { Clock } from '../../mesh/clock.js';
import { headerBlock, headerLine } from '../../mesh/header-block.js';
import type { Rest, SmallMessages } from '../../mesh/calls/small-message.js';
import { beginningOf, messageBytesMax } from '../../mesh/bodies/large-bodies.js';
import type { LargeAnswers } from './large-answers.js';
import { itineraryLines, stepToken } from '../../mesh/routing/itinerary.js';
import type { Itinerary } from './itinerary.js';
import type { Outbox } from './outbox.js';
import type { RunHeaders } from './run-headers.js';

export interface ReturnAddress {
  /** Subject of whoever sent the message: the caller, or a router's inbox and token. */
  readonly sender: string;
  /** The caller's inbox when a router stands between; '' otherwise. */
  readonly caller: string;
  readonly requestId: string;
  /** How the caller takes an answer that one message does not carry. */
  readonly takesLarge?: TakesLarge | undefined;
  /** Which arm this answer is of, where arms are compared: callers give it back with their feedback. */
  readonly arm?: string | undefined;
  /** Of an endpoint that keeps answers: whether one was there. */
  cache?: 'hit' | 'miss';
  /** It was answered under this request id before. */
  again?: boolean;
}

/** What goes on to another step. */
export interface Passage {
  readonly itinerary: Itinerary;
  readonly step: number;
  readonly body: Body;
  readonly leftMs: number;
  /** How many steps of its sequence were taken here; undefined where none is kept. */
  readonly sequenceCount?: number | undefined;
}

const NOTHING: Body = { bytes: new Uint8Array(), jsonLength: undefined };
const OK = 200;
const OUTCOMES_MAX = 4_096;
// A message wakes the router's process, which on a busy machine takes the core from a caller that has its answer already: one
// every few milliseconds is enough for breakers and load, and far below the shortest attempt time-out (60 ms).
const OUTCOMES_EVERY_MS = 3;

export class Answers {
  private readonly outcomes = new Map<string, Outcome[]>();
  private readonly replicaLine: string;
  private readonly written = new WeakMap<Failure, Written>();
  private inFlight = 0;
  private limit = 1;
  private cancel: (() => void) | undefined;

  constructor(
    private readonly nc: NatsConnection,
    private readonly replica: string,
    private readonly clock: Pick<Clock, 'after'>,
    private readonly outbox: Outbox,
    private readonly large: LargeAnswers,
    /** Hears of every request that was answered, by who sent it. */
    private readonly answered: (sender: string) => void,
    private readonly small: SmallMessages,
  ) {
    this.replicaLine = headerLine(headers.replica, replica);
  }

  result(to: ReturnAddress, body: Body, engineUs: number): void {
    if (body.bytes.length <= messageBytesMax(this.nc)) return this.say(to, body, body.bytes, '', engineUs);
    // publish() would throw, and the caller would wait out its time for nothing.
    void this.large.keep(body, to.takesLarge, messageBytesMax(this.nc)).then(
      (reference) => this.say(to, body, beginningOf(body), headerLine(headers.body, reference), engineUs),
      (error: unknown) => this.error(to, toFailure(error), engineUs),
    );
  }

  /** A small answer that begins with `head` and goes on with what is copied. False when it is not small: result() it. */
  rows(to: ReturnAddress, head: Uint8Array, rows: Rest, engineUs: number): boolean {
    const lines = this.linesOf(to, head.length, '');
    if (!this.small.send(to.caller || to.sender, lines, head, rows)) return false;
    this.said(to, engineUs);
    return true;
  }

  private say(to: ReturnAddress, body: Body, bytes: Uint8Array, bodyLine: string, engineUs: number): void {
    const lines = this.linesOf(to, body.jsonLength, bodyLine);
    this.publish(to.caller || to.sender, { bytes, jsonLength: body.jsonLength }, lines);
    this.said(to, engineUs);
  }

  private linesOf(to: ReturnAddress, jsonLength: number | undefined, bodyLine: string): string {
    let lines = this.replicaLine + bodyLine;
    if (jsonLength !== undefined) lines += headerLine(headers.jsonLength, jsonLength);
    if (to.requestId !== '') lines += headerLine(headers.requestId, to.requestId);
    if (to.arm) lines += headerLine(headers.arm, to.arm);
    if (to.cache !== undefined) lines += headerLine(headers.cache, to.cache);
    if (to.again === true) lines += headerLine(headers.once, 'again');
    return lines;
  }

  private said(to: ReturnAddress, engineUs: number): void {
    this.answered(to.sender);
    if (to.caller !== '') this.note(to.sender, OK, engineUs);
  }

  /**
   * On to the replica of another step. Its answers, and word that nobody is there, come to whoever routed, under the token of that
   * step; the caller's inbox stays what it was. First the sender hears that this step is done.
   */
  passOn(
    to: ReturnAddress,
    came: RunHeaders,
    { itinerary, step, body, leftMs, sequenceCount }: Passage,
  ): void {
    const { plan, planText, hops, at } = itinerary;
    let lines =
      itineraryLines(planText, hops.join(' '), step) +
      headerLine(headers.endpoint, plan.name) +
      headerLine(headers.timeoutMs, Math.floor(leftMs));
    if (body.jsonLength !== undefined) lines += headerLine(headers.jsonLength, body.jsonLength);
    if (to.requestId !== '') lines += headerLine(headers.requestId, to.requestId);
    if (to.caller !== '') lines += headerLine(headers.reply, to.caller);
    if (came.priority !== 0) lines += headerLine(headers.priority, came.priority);
    if (came.sequence)
      for (const [key, value] of sequenceHeaders(came.sequence)) lines += headerLine(key, value);
    const count = sequenceCount ?? came.sequenceCount;
    if (count !== undefined) lines += headerLine(headers.sequenceCount, count);
    if (came.traceparent !== '') lines += headerLine(headers.traceparent, came.traceparent);
    if (to.takesLarge !== undefined) lines += headerLine(headers.acceptBody, to.takesLarge);
    const ends = stepToken('', at);
    if (!to.sender.endsWith(ends))
      throw failure('BAD_REQUEST', 'The reply subject of a pipeline ends with the number of its step.');
    const reply = stepToken(to.sender.slice(0, -ends.length), step);
    const send = (bytes: Uint8Array, bodyLine: string): void => {
      this.publish(to.sender, NOTHING, this.replicaLine + headerLine(headers.passed, step));
      const sent = { bytes, jsonLength: body.jsonLength };
      this.publish(subjects.run(hops[step] as string), sent, lines + bodyLine, reply);
      this.answered(to.sender);
    };
    const limit = messageBytesMax(this.nc) - planText.length;
    if (body.bytes.length <= limit) return send(body.bytes, '');
    // The engine of the next step fetches it from here, chunk by chunk.
    void this.large.keep(body, 'chunks', limit).then(
      (reference) => send(beginningOf(body), headerLine(headers.body, reference)),
      (error: unknown) => this.error(to, inStep(toFailure(error), plan.steps[at]?.name ?? ''), 0),
    );
  }

  error(to: ReturnAddress, error: Failure, engineUs: number): void {
    const { headers: written, data } = refusalOf(
      this.writtenOf(error),
      to.requestId || undefined,
      this.replicaLine,
    );
    this.answered(to.sender);
    // A retryable failure is the router's business: it asks the next replica, and the caller never hears of this one.
    const alone = to.caller === '' || error.retryable;
    this.outbox.publish({ subject: alone ? to.sender : to.caller, data, headers: written });
    if (!alone) this.note(to.sender, error.http, engineUs);
  }

  /** Under overload most are refused for the same reason. */
  private writtenOf(error: Failure): Written {
    const known = this.written.get(error);
    if (known) return known;
    const written = writtenOf(error);
    this.written.set(error, written);
    return written;
  }

  /** After each batch: what was noted goes out soon. */
  settle(inFlight: number, limit: number): void {
    this.inFlight = inFlight;
    this.limit = limit;
    if (this.outcomes.size > 0) this.cancel ??= this.clock.after(OUTCOMES_EVERY_MS, () => this.flush());
  }

  /** A run of so long begins: it blocks the loop, and routers would hear of what is done a run late, their place with us empty. */
  beforeRun(ms: number): void {
    if (ms >= OUTCOMES_EVERY_MS) this.flush();
  }

  /** Everything noted, one message a router. */
  flush(): void {
    this.outbox.flush();
    this.cancel?.();
    this.cancel = undefined;
    const { replica, inFlight, limit } = this;
    for (const [prefix, done] of this.outcomes) {
      for (let from = 0; from < done.length; from += OUTCOMES_MAX) {
        const message: Outcomes = { replica, inFlight, limit, done: done.slice(from, from + OUTCOMES_MAX) };
        const bytes = Buffer.from(JSON.stringify(message));
        this.publish(`${prefix}.${OUTCOMES_TOKEN}`, { bytes, jsonLength: undefined });
      }
    }
    this.outcomes.clear();
  }

  private note(sender: string, http: number, engineUs: number): void {
    const dot = sender.lastIndexOf('.');
    const prefix = sender.slice(0, dot);
    const outcome: Outcome = [sender.slice(dot + 1), http, Math.round(engineUs)];
    const known = this.outcomes.get(prefix);
    if (known) known.push(outcome);
    else this.outcomes.set(prefix, [outcome]);
  }

  private publish(subject: string, body: Body, lines?: string, reply?: string): void {
    if (lines !== undefined && reply === undefined && this.small.send(subject, lines, body.bytes)) return;
    this.small.handOver();
    const options = lines === undefined ? {} : { headers: headerBlock(lines, body) };
    try {
      this.nc.publish(subject, body.bytes, reply === undefined ? options : { ...options, reply });
    } catch {
      // Closed: the callers see the connection go and ask another replica.
    }
  }
}

/** Where the answers of a message may go; undefined when it names a subject that is no inbox: nothing is published there. */
export function returnAddress(
  sender: string,
  {
    reply: caller,
    requestId,
    takesLarge,
    arm,
  }: Pick<RunHeaders, 'reply' | 'requestId' | 'takesLarge' | 'arm'>,
): ReturnAddress | undefined {
  if (!isInbox(sender) || (caller !== '' && !isInbox(caller))) return undefined;
  return { sender, caller, requestId: requestId.slice(0, REQUEST_ID_CHARS_MAX), takesLarge, arm };
}

/** Longer ones are cut: an answer's headers have a bound. */
const REQUEST_ID_CHARS_MAX = 128;
