// Sends what a replica has to say: results and final errors the short way home to the caller, retryable failures to the router
// alone, and to each router now and then one message with the outcomes of what it forwarded. Replicas use it, nothing else.
import type { NatsConnection } from '@nats-io/transport-node';
import { type Failure, toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import type { Body } from '../../../contracts/infer-body.js';
import type { TakesLarge } from '../../../contracts/large-body.js';
import { type Outcome, OUTCOMES_TOKEN, type Outcomes } from '../../../contracts/outcome.js';
import { isInbox } from '../../../contracts/subjects.js';
import { errorReply } from '../../mesh/error-reply.js';
import type { Clock } from '../../mesh/clock.js';
import { headerBlock, headerLine } from '../../mesh/header-block.js';
import { beginningOf, messageBytesMax } from '../../mesh/large-bodies.js';
import type { LargeAnswers } from './large-answers.js';
import type { RunHeaders } from './run-headers.js';

export interface ReturnAddress {
  /** Subject of whoever sent the message: the caller, or a router's inbox and token. */
  readonly sender: string;
  /** The caller's inbox when a router stands between; '' otherwise. */
  readonly caller: string;
  readonly requestId: string;
  /** How the caller takes an answer that one message does not carry. */
  readonly takesLarge?: TakesLarge | undefined;
}

const OK = 200;
const OUTCOMES_MAX = 4_096;
// A message wakes the router's process, which on a busy machine takes the core from a caller that has its answer already: one
// every few milliseconds is enough for breakers and load, and far below the shortest attempt time-out (60 ms).
const OUTCOMES_EVERY_MS = 3;

export class Answers {
  private readonly outcomes = new Map<string, Outcome[]>();
  private readonly replicaLine: string;
  private inFlight = 0;
  private cancel: (() => void) | undefined;

  constructor(
    private readonly nc: NatsConnection,
    private readonly replica: string,
    private readonly clock: Pick<Clock, 'after'>,
    private readonly large: LargeAnswers,
    /** Hears of every request that was answered, by who sent it. */
    private readonly answered: (sender: string) => void,
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

  private say(to: ReturnAddress, body: Body, bytes: Uint8Array, bodyLine: string, engineUs: number): void {
    let lines = this.replicaLine + bodyLine;
    if (body.jsonLength !== undefined) lines += headerLine(headers.jsonLength, body.jsonLength);
    if (to.requestId !== '') lines += headerLine(headers.requestId, to.requestId);
    this.publish(to.caller || to.sender, bytes, lines);
    this.answered(to.sender);
    if (to.caller !== '') this.note(to.sender, OK, engineUs);
  }

  error(to: ReturnAddress, error: Failure, engineUs: number): void {
    const { headers: written, data } = errorReply(error);
    written.set(headers.replica, this.replica);
    if (to.requestId !== '') written.set(headers.requestId, to.requestId);
    this.answered(to.sender);
    // A retryable failure is the router's business: it asks the next replica, and the caller never hears of this one.
    const alone = to.caller === '' || error.retryable;
    try {
      this.nc.publish(alone ? to.sender : to.caller, data, { headers: written });
    } catch {
      return; // the connection is closed; whoever waits learns it from that
    }
    if (!alone) this.note(to.sender, error.http, engineUs);
  }

  /** After each batch: what was noted goes out soon. */
  settle(inFlight: number): void {
    this.inFlight = inFlight;
    if (this.outcomes.size > 0) this.cancel ??= this.clock.after(OUTCOMES_EVERY_MS, () => this.flush());
  }

  /** Everything noted, one message a router. */
  flush(): void {
    this.cancel?.();
    this.cancel = undefined;
    const { replica, inFlight } = this;
    for (const [prefix, done] of this.outcomes) {
      for (let from = 0; from < done.length; from += OUTCOMES_MAX) {
        const message: Outcomes = { replica, inFlight, done: done.slice(from, from + OUTCOMES_MAX) };
        this.publish(`${prefix}.${OUTCOMES_TOKEN}`, Buffer.from(JSON.stringify(message)));
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

  private publish(subject: string, bytes: Uint8Array, lines?: string): void {
    try {
      this.nc.publish(subject, bytes, lines === undefined ? {} : { headers: headerBlock(lines) });
    } catch {
      // Closed: the callers see the connection go and ask another replica.
    }
  }
}

/** Where the answers of a message may go; undefined when it names a subject that is no inbox: nothing is published there. */
export function returnAddress(
  sender: string,
  { reply: caller, requestId, takesLarge }: Pick<RunHeaders, 'reply' | 'requestId' | 'takesLarge'>,
): ReturnAddress | undefined {
  if (!isInbox(sender) || (caller !== '' && !isInbox(caller))) return undefined;
  return { sender, caller, requestId: requestId.slice(0, REQUEST_ID_CHARS_MAX), takesLarge };
}

/** Longer ones are cut: an answer's headers have a bound. */
const REQUEST_ID_CHARS_MAX = 128;
