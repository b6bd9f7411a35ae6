// One caller's request while the router has it: carries its course over the router's wire, and remembers how it ends.
import type { Failure } from '../../contracts/errors.js';
import type { Attempt } from '../mesh/calls/call-attempt.js';
import type { Carrier, CourseParts } from '../mesh/calls/call-carrier.js';
import { Course } from '../mesh/calls/call-course.js';
import type { AttemptKind } from '../mesh/calls/dispatch-observer.js';
import type { HedgeAfter } from '../mesh/calls/hedge-delay.js';
import { tokenOf } from '../mesh/routing/journey.js';
import type { Trip } from '../mesh/routing/replica-entry.js';
import type { RequestHead } from '../mesh/calls/request-head.js';

/** As it came through the door; nothing of it changes. */
export interface Asked {
  readonly endpoint: string;
  readonly version: string | undefined;
  readonly head: RequestHead;
  readonly requestId: string;
  /** The caller's inbox: engines answer there, and so do we. */
  readonly replyTo: string;
  readonly body: Uint8Array;
}

/** What the call's endpoint says. */
export interface Manner {
  /** The header lines that are the same in each attempt. */
  readonly steady: string;
  readonly timeoutMs: number;
  readonly hedgeAfterMs: HedgeAfter | undefined;
  readonly stateful: boolean;
}

/** The way out of the router. */
export interface Wire {
  /** Throws a Failure when it cannot be sent at all. */
  forward(call: Call, trip: Trip, token: string, leftMs: number): void;
  refuse(call: Call, reason: Failure): void;
  /** One more attempt than the first. */
  again(call: Call, kind: AttemptKind): void;
  /** Nobody waits any more for what this replica was asked with the token. */
  cancel(replica: string, token: string): void;
  /** Answered with this status, by whomever. */
  over(call: Call, http: number): void;
}

/** Where attempts are found again by what comes back. */
export interface Tokens {
  give(call: Call, attempt: Attempt): string;
  take(token: string): void;
}

/** The status of no answer: the caller closed the request (nginx's number for it). */
const CALLER_GONE = 499;

export class Call implements Carrier {
  readonly course: Course;
  readonly steady: string;
  /** Of its answer, and how long its engine or the caller took for it. */
  private http = 0;
  private answerMs = 0;
  private calledOff = false;

  constructor(
    readonly asked: Asked,
    { steady, timeoutMs, hedgeAfterMs, stateful }: Manner,
    parts: CourseParts,
    private readonly wire: Wire,
    private readonly tokens: Tokens,
    private readonly ended: (call: Call) => void,
  ) {
    this.steady = steady;
    const { user, tenant, ruled, priority, body } = asked.head;
    const sequence = stateful ? asked.head.sequence : undefined;
    const request = {
      endpoint: asked.endpoint,
      version: asked.version,
      user,
      tenant,
      headers: ruled,
      priority,
      sequence,
      timeoutMs,
      ownTime: asked.head.timeoutMs !== undefined,
      failFast: asked.head.failFast,
      // A step of a sequence runs in one place only.
      hedging: sequence ? undefined : hedgeAfterMs,
      bytesToFetch: body?.bytes ?? 0,
    };
    this.course = new Course(parts, request, this, parts.nowMs());
  }

  get arrivedMs(): number {
    return this.course.startedAt;
  }

  get attempts(): number {
    return this.course.attempts.length;
  }

  /** Of the version that was asked last; '' of a pipeline. */
  get label(): string {
    return this.course.attempts.at(-1)?.label ?? '';
  }

  /** `<epoch>.<arm>` of the last attempt, where arms are compared. */
  get arm(): string | undefined {
    return this.course.attempts.at(-1)?.arm;
  }

  /** The caller has the answer, with this status. `engineMs`: what the engine says it took. */
  answered(http: number, engineMs: number | undefined, nowMs: number): void {
    this.http = http;
    // The outcome of a first attempt comes a few milliseconds after the answer: the engine knows better how long it took.
    this.answerMs = engineMs !== undefined && this.attempts === 1 ? engineMs : nowMs - this.arrivedMs;
  }

  /** The caller does not want its answer any more, and is told nothing. */
  callOffAll(reason: Failure, nowMs: number): void {
    this.calledOff = true;
    this.course.fail(reason, nowMs);
  }

  send(attempt: Attempt, leftMs: number): void {
    attempt.token = this.tokens.give(this, attempt);
    this.wire.forward(this, attempt.flight, attempt.token, leftMs);
  }

  more(kind: AttemptKind): void {
    this.wire.again(this, kind);
  }

  callOff({ flight, token }: Attempt): void {
    this.wire.cancel(flight.replica.id, tokenOf(flight, token));
  }

  close({ token }: Attempt): void {
    this.tokens.take(token);
  }

  over(why: Failure | undefined): void {
    this.ended(this);
    if (!why) this.course.evidence?.answered(this.http, this.answerMs);
    else this.course.evidence?.over(why.code, 0);
    if (why && !this.calledOff) this.wire.refuse(this, why);
    this.wire.over(this, this.calledOff ? CALLER_GONE : (why?.http ?? this.http));
  }
}
