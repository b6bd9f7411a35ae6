// The requests that the router has: each with its course, found again by the token of what comes back: an outcome, a retryable
// failure, nobody there. Knows neither NATS nor Nest: door.ts sends what it says and tells it what came. It has no timers: sweep() is
// called every few milliseconds while there is something to watch.
import { failure, type Failure, toFailure } from '../../contracts/errors.js';
import { DEFAULT_TIMEOUT_MS } from '../../contracts/headers.js';
import type { Outcome } from '../../contracts/outcome.js';
import type { Attempt } from '../mesh/calls/call-attempt.js';
import type { CourseParts } from '../mesh/calls/call-carrier.js';
import { ROUTER_RULES } from '../mesh/calls/call-rules.js';
import type { Clock } from '../mesh/clock.js';
import type { EvidenceBook } from '../mesh/evidence/book.js';
import { HedgeDelays } from '../mesh/calls/hedge-delay.js';
import type { Random } from '../mesh/random.js';
import { readToken } from '../mesh/routing/itinerary.js';
import { Journey, named } from '../mesh/routing/journey.js';
import type { FlightEnd } from '../mesh/routing/replica-entry.js';
import type { RetryBudget } from '../mesh/retry-budget.js';
import type { RouteView } from '../mesh/routing/route-view.js';
import type { WaitingRoom } from '../mesh/calls/waiting-room.js';
import { type Asked, Call, type Tokens, type Wire } from './call.js';
import { endOfFailure, endOfOutcome } from './flight-end.js';
import { steadyLines } from './forward-headers.js';

export interface ForwarderParts {
  readonly view: CourseParts['view'] & Pick<RouteView, 'endpoint' | 'timeoutMs' | 'keepsState'>;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly hedges: RetryBudget;
  /** Where calls of endpoints with several arms are counted. */
  readonly evidence?: EvidenceBook | undefined;
  readonly waiting?: WaitingRoom | undefined;
  /** Replicas asked for one request. */
  readonly attemptsMax: number;
}

interface Flown {
  readonly call: Call;
  readonly attempt: Attempt;
}

export class Forwarder implements Tokens {
  private readonly calls = new Set<Call>();
  private readonly flown = new Map<string, Flown>();
  private readonly course: CourseParts;
  private bytes = 0;
  private tokens = 0;

  constructor(private readonly parts: ForwarderParts) {
    const { view, random, budget, hedges, evidence, waiting, attemptsMax, clock } = parts;
    this.course = {
      view,
      rules: { ...ROUTER_RULES, attemptsMax },
      random,
      budget,
      hedges,
      evidence,
      waiting,
      delays: new HedgeDelays(),
      nowMs: () => clock.monotonicMs(),
    };
  }

  /** Calls that are not over, and the bytes of their bodies. */
  get held(): { readonly calls: number; readonly bytes: number } {
    return { calls: this.calls.size, bytes: this.bytes };
  }

  /** Whether sweep() has anything to look at. */
  get busy(): boolean {
    return this.calls.size > 0;
  }

  accept(asked: Asked): void {
    const { view, wire } = this.parts;
    const endpoint = view.endpoint(asked.endpoint);
    const manner = {
      steady: steadyLines(asked.head, asked.requestId, asked.endpoint, asked.replyTo, endpoint?.cacheS),
      timeoutMs: asked.head.timeoutMs ?? view.timeoutMs(asked.endpoint) ?? DEFAULT_TIMEOUT_MS,
      hedgeAfterMs: endpoint?.hedgeAfterMs,
      stateful: view.keepsState(asked.endpoint),
    };
    const call = new Call(asked, manner, this.course, wire, this, (over) => this.ended(over));
    this.calls.add(call);
    this.bytes += asked.body.length;
    try {
      call.course.begin();
    } catch (error) {
      // A mistake of ours: the call must not stay in the books.
      call.course.fail(toFailure(error), this.course.nowMs());
    }
  }

  give(call: Call, attempt: Attempt): string {
    const token = (++this.tokens).toString();
    this.flown.set(token, { call, attempt });
    return token;
  }

  take(token: string): void {
    this.flown.delete(token);
  }

  /** Engines answer callers themselves and say so here. */
  outcomes(done: readonly Outcome[], by?: string): void {
    const now = this.course.nowMs();
    for (const [word, http, engineUs] of done) {
      const { token, step } = readToken(word);
      this.answered(token, http, step, now, engineUs / 1_000, by);
    }
  }

  /** `step`: of a pipeline, which of its steps gave the answer. */
  answered(
    token: string,
    http: number,
    step = 0,
    now = this.course.nowMs(),
    engineMs?: number,
    by?: string,
  ): void {
    const flown = this.flown.get(token);
    if (!flown) return;
    const { call, attempt } = flown;
    const { flight } = attempt;
    if (flight instanceof Journey) flight.reached(step, now);
    call.answered(http, engineMs, now);
    call.course.answered(attempt, endOfOutcome(http), by ?? flight.replica.id, now);
  }

  /** The call that an answer is for, when it came to us instead of the caller; undefined once that call is over. */
  awaiting(token: string): Call | undefined {
    return this.flown.get(token)?.call;
  }

  /** A step of a pipeline is done, and the request is on its way to another. */
  passed(token: string, step: number, next: number): void {
    const flown = this.flown.get(token);
    if (!flown || !(flown.attempt.flight instanceof Journey)) return;
    flown.call.course.passed(flown.attempt, flown.attempt.flight, step, next, this.course.nowMs());
  }

  /** The replica could not take it; somebody else may. */
  failed(token: string, reason: Failure, end: FlightEnd = endOfFailure(reason.code), step = 0): void {
    const flown = this.flown.get(token);
    if (!flown) return;
    const { call, attempt } = flown;
    const { flight } = attempt;
    const now = this.course.nowMs();
    if (flight instanceof Journey) {
      flight.reached(step, now);
      // A step that is done has no say any more.
      if (!flight.over && !flight.isAt(step)) return;
    }
    this.take(token);
    call.course.failed(attempt, end, named(flight, reason), now);
  }

  /** The caller with this inbox does not want its answer any more; nobody is told, and what is queued for it is called off. */
  calledOff(replyTo: string): void {
    for (const call of this.calls)
      if (call.asked.replyTo === replyTo)
        return call.callOffAll(failure('UNAVAILABLE', 'The caller gave up.'), this.course.nowMs());
  }

  /** We were away for so long ourselves: answers may lie unread, and no replica is to blame. */
  forgive(ms: number): void {
    for (const { course } of this.calls) course.forgive(ms);
  }

  /** A replica can be reached that could not before. */
  wakeAll(): void {
    const now = this.course.nowMs();
    for (const { course } of this.calls) {
      if (course.state !== 'waiting') continue;
      course.wakeAt = now;
      course.wake(now);
    }
  }

  sweep(): void {
    const now = this.course.nowMs();
    for (const { course } of this.calls) if (now >= course.wakeAt) course.wake(now);
  }

  /** The process leaves: whoever is still here is told so. */
  abandon(): void {
    const leaving = failure('UNAVAILABLE', 'The router is leaving.');
    for (const { course } of this.calls) course.fail(leaving, this.course.nowMs());
  }

  private ended(call: Call): void {
    this.calls.delete(call);
    this.bytes -= call.asked.body.length;
  }
}
