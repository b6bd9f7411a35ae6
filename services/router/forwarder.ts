// Carries requests to replicas and sees each through: an outcome, a retryable failure, nobody there, silence; and what follows
// from that. Knows neither NATS nor Nest: door.ts sends what it says and tells it what came back. It has no timers: sweep() is
// called every few milliseconds while there is something to watch.
import type { Sequence } from '../../contracts/body-parameters.js';
import { ERRORS, failure, type Failure, toFailure } from '../../contracts/errors.js';
import { DEFAULT_TIMEOUT_MS } from '../../contracts/headers.js';
import type { Outcome } from '../../contracts/outcome.js';
import { attemptTimeoutMs } from '../mesh/attempt-timeout.js';
import { backoffMs, RETRY_BACKOFF } from '../mesh/backoff.js';
import type { Clock } from '../mesh/clock.js';
import type { EvidenceBook } from '../mesh/evidence/book.js';
import { armTag, CallEvidence } from '../mesh/evidence/call-evidence.js';
import { HedgeDelays } from '../mesh/hedge-delay.js';
import type { Random } from '../mesh/random.js';
import { readToken } from '../mesh/itinerary.js';
import { Journey, named, tokenOf } from '../mesh/journey.js';
import { type FlightEnd, NO_LINK, type Trip } from '../mesh/replica-entry.js';
import type { RetryBudget } from '../mesh/retry-budget.js';
import type { RouteView } from '../mesh/route-view.js';
import { afterTrouble, LOOK_FOR_MS } from '../mesh/sequence-trouble.js';
import { type Asked, type Attempt, Call, type Extra } from './call.js';
import { endOfFailure, endOfOutcome } from './flight-end.js';
import { steadyLines } from './forward-headers.js';

/** The way out of the router. */
export interface Wire {
  /** Throws a Failure when it cannot be sent at all. */
  forward(call: Call, trip: Trip, token: string, leftMs: number): void;
  refuse(call: Call, reason: Failure): void;
  /** One more attempt than the first. */
  again(call: Call, kind: 'retry' | 'hedge'): void;
  /** Nobody waits any more for what this replica was asked with the token. */
  cancel(replica: string, token: string): void;
  /** Answered with this status, by whomever. */
  over(call: Call, http: number): void;
}

export interface ForwarderParts {
  readonly view: Pick<
    RouteView,
    'endpoint' | 'timeoutMs' | 'route' | 'replica' | 'linkFor' | 'setOut' | 'seated'
  >;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly hedges: RetryBudget;
  /** Where calls of endpoints with several arms are counted. */
  readonly evidence?: EvidenceBook | undefined;
  /** Replicas asked for one request. */
  readonly attemptsMax: number;
}

// A call that has nobody to ask looks again: a spare engine is up within 100 ms, a new shard within seconds.
const WAITS_MAX = 8;
// One that was never sent is told that nobody is ready before the second has passed that NATS clients wait by default: a coded
// answer is worth more than a bare time-out.
const UNSENT_WAIT_MS_MAX = 800;

/** Of no answer: the caller closed the request (nginx's status for it). */
const CALLER_GONE = 499;

export class Forwarder {
  private readonly attempts = new Map<string, Attempt>();
  private readonly waiting = new Set<Call>();
  private calls = 0;
  private bytes = 0;
  private tokens = 0;
  private readonly delays = new HedgeDelays();

  constructor(private readonly parts: ForwarderParts) {}

  /** Calls that are not over, and the bytes of their bodies. */
  get held(): { readonly calls: number; readonly bytes: number } {
    return { calls: this.calls, bytes: this.bytes };
  }

  /** Whether sweep() has anything to look at. */
  get busy(): boolean {
    return this.attempts.size > 0 || this.waiting.size > 0;
  }

  accept(asked: Asked): void {
    const { clock, view, budget, hedges } = this.parts;
    const endpoint = view.endpoint(asked.endpoint);
    const sequence = endpoint?.stateful ? asked.head.sequence : undefined;
    const hedging = sequence ? undefined : endpoint?.hedgeAfterMs;
    const call = new Call(
      asked,
      steadyLines(asked.head, asked.requestId, asked.endpoint, asked.replyTo, endpoint?.cacheS),
      clock.monotonicMs(),
      asked.head.timeoutMs ?? view.timeoutMs(asked.endpoint) ?? DEFAULT_TIMEOUT_MS,
      this.delays.delayMs(asked.endpoint, hedging),
      hedging,
      sequence,
    );
    this.calls++;
    this.bytes += asked.body.length;
    budget.request();
    hedges.request();
    try {
      this.advance(call, call.arrivedMs);
    } catch (error) {
      // A mistake of ours: the call must not stay in the books.
      this.giveUp(call, toFailure(error));
    }
  }

  /** Engines answer callers themselves and say so here. */
  outcomes(done: readonly Outcome[], by?: string): void {
    const now = this.parts.clock.monotonicMs();
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
    now = this.parts.clock.monotonicMs(),
    engineMs?: number,
    by?: string,
  ): void {
    const trip = this.attempts.get(token)?.flight;
    if (trip instanceof Journey) trip.reached(step, now);
    const attempt = this.close(token, endOfOutcome(http), now);
    if (!attempt) return;
    const { call } = attempt;
    if (http < 400) this.delays.answered(call.asked.endpoint, call.hedging, now - call.arrivedMs);
    // The outcome of a first attempt comes a few milliseconds after the answer: the engine knows better how long it took.
    const ms = engineMs !== undefined && call.attempts === 1 ? engineMs : now - call.arrivedMs;
    if (call.state !== 'over') call.evidence?.answered(http, ms);
    if (call.sequence && http < 400)
      this.parts.view.seated(call.asked.endpoint, call.sequence, by ?? attempt.flight.replica.id);
    this.finish(call, http);
  }

  /** The call that an answer is for, when it came to us instead of the caller; undefined once that call is over. */
  awaiting(token: string): Call | undefined {
    const call = this.attempts.get(token)?.call;
    return call?.state === 'over' ? undefined : call;
  }

  /** A step of a pipeline is done, and the request is on its way to another. */
  passed(token: string, step: number, next: number): void {
    const now = this.parts.clock.monotonicMs();
    const attempt = this.attempts.get(token);
    if (!attempt || !(attempt.flight instanceof Journey)) return;
    attempt.flight.passed(step, next, now);
    attempt.lateAtMs = this.lateAtMs(attempt.call, attempt.flight, now);
  }

  /** The replica could not take it; somebody else may. */
  failed(token: string, reason: Failure, end: FlightEnd = endOfFailure(reason.code), step = 0): void {
    const now = this.parts.clock.monotonicMs();
    const trip = this.attempts.get(token)?.flight;
    if (trip instanceof Journey) {
      trip.reached(step, now);
      // A step that is done has no say any more.
      if (!trip.over && !trip.isAt(step)) return;
    }
    const wasLate = trip?.over ?? false;
    const stepping = this.attempts.get(token)?.call;
    if (stepping?.sequence) return this.outOfStep(token, stepping, stepping.sequence, reason, end, now);
    const attempt = this.close(token, end, now, reason.retryAfterMs);
    if (attempt?.call.state !== 'under way') return;
    if (!attempt.extra) attempt.call.evidence?.failed(end, reason.code);
    attempt.call.last = named(attempt.flight, reason);
    // A late one has been followed by another attempt already.
    if (wasLate) this.stay(attempt.call);
    else this.advance(attempt.call, now);
  }

  /** A step of a sequence found no answer. */
  private outOfStep(
    token: string,
    call: Call,
    sequence: Sequence,
    reason: Failure,
    end: FlightEnd,
    now: number,
  ): void {
    const verdict = afterTrouble(sequence, reason.code, end);
    // That it has not the sequence says nothing against the replica, nor that a step was sent on to an engine that is gone.
    this.close(
      token,
      reason.code === 'SEQUENCE_ELSEWHERE' ? 'refused' : end === 'unreachable' ? 'abandoned' : end,
      now,
    );
    if (call.state !== 'under way') return;
    call.last = reason;
    if (verdict === 'fail') return this.giveUp(call, reason);
    if (verdict === 'again') return this.wait(call, reason, now);
    call.missed ||= reason.code !== 'SEQUENCE_ELSEWHERE';
    this.seek(call, now);
  }

  /** The next that may have the sequence; it ran nowhere yet, so this is no load beyond the first. */
  private seek(call: Call, now: number): void {
    const refusal = this.attempt(call, now, undefined);
    if (!refusal) return;
    const soon = refusal.code === 'SEQUENCE_LOST' && call.missed && now - call.arrivedMs < LOOK_FOR_MS;
    call.missed &&= !soon;
    if (soon || mayPass(refusal)) this.wait(call, refusal, now);
    else this.giveUp(call, refusal);
  }

  /** We were away for so long ourselves: answers may lie unread, and no replica is to blame. */
  forgive(ms: number): void {
    for (const attempt of this.attempts.values()) attempt.lateAtMs += ms;
  }

  /** The caller with this inbox does not want its answer any more; nobody is told, and what is queued for it is called off. */
  calledOff(replyTo: string): void {
    const call = this.callOf(replyTo);
    if (!call) return;
    call.evidence?.over('UNAVAILABLE', 0);
    this.finish(call, CALLER_GONE);
  }

  /** A replica can be reached that could not before. */
  wakeAll(): void {
    if (this.waiting.size === 0) return;
    const now = this.parts.clock.monotonicMs();
    const hopeful = [...this.waiting]; // who finds nobody again waits again, in the same set
    for (const call of hopeful) this.wake(call, now);
  }

  sweep(): void {
    const now = this.parts.clock.monotonicMs();
    for (const [token, attempt] of this.attempts) {
      const { call, flight, lateAtMs } = attempt;
      if (now >= call.deadlineMs) this.expire(token, call, now);
      else if (flight.over) continue;
      else if (now >= lateAtMs) this.late(attempt, now);
      else if (call.hedgeAfterMs !== undefined && now >= flight.startedMs + call.hedgeAfterMs)
        this.hedge(call, now);
    }
    if (this.waiting.size === 0) return;
    const due = [...this.waiting].filter((call) => now >= call.wakeAtMs);
    for (const call of due) this.wake(call, now);
  }

  /** The process leaves: whoever is still here is told so. */
  abandon(): void {
    const leaving = failure('UNAVAILABLE', 'The router is leaving.');
    const now = this.parts.clock.monotonicMs();
    for (const [token, { call }] of this.attempts) {
      this.close(token, 'abandoned', now);
      this.giveUp(call, leaving);
    }
    for (const call of this.waiting) this.giveUp(call, leaving);
  }

  private callOf(replyTo: string): Call | undefined {
    for (const call of this.waiting) if (call.asked.replyTo === replyTo) return call;
    for (const { call } of this.attempts.values())
      if (call.asked.replyTo === replyTo && call.state !== 'over') return call;
    return undefined;
  }

  /** The next attempt, or what stands in its way. */
  private advance(call: Call, now: number): void {
    if (call.sequence) return this.seek(call, now);
    const { attemptsMax, budget } = this.parts;
    const extra = call.attempts > 0 ? 'retry' : undefined;
    if (extra && (call.attempts >= attemptsMax || !budget.take())) return this.stay(call);
    const refusal = this.attempt(call, now, extra);
    if (!refusal) return extra ? this.parts.wire.again(call, 'retry') : undefined;
    if (extra) budget.done();
    if (refusal.code === 'MAILBOX_FULL') {
      // Whoever waits here only makes the wait of all longer: told at once, the caller knows best.
      call.last = refusal;
      this.stay(call);
    } else if (mayPass(refusal)) this.wait(call, refusal, now);
    else this.giveUp(call, refusal);
  }

  /** Sends it to the replica that the route names; the refusal when it names none. */
  private attempt(call: Call, now: number, extra: Extra | undefined): Failure | undefined {
    const { view } = this.parts;
    const { endpoint, version, head } = call.asked;
    for (;;) {
      const { user, tenant, ruled } = head;
      const decision = view.route({
        endpoint,
        version,
        user,
        tenant,
        headers: ruled,
        sequence: call.sequence,
        priority: head.priority,
        nowMs: now,
        leftMs: call.deadlineMs - now,
        exclude: call.tried,
      });
      call.evidence ??= CallEvidence.of(this.parts.evidence, endpoint, user, decision);
      if (decision.kind === 'refused') {
        const { code, message, step, retryAfterMs } = decision;
        return failure(code, message, {
          ...(step !== undefined && { step }),
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        });
      }
      const replica = view.replica(decision.replica.id);
      const link = replica ? view.linkFor(replica) : NO_LINK;
      if (replica && link === NO_LINK) return failure('UNAVAILABLE', 'The router has no connection to NATS.');
      const token = (++this.tokens).toString();
      const trip = view.setOut(decision, link, (step) => this.lost(token, step));
      if (!('blocked' in trip)) {
        call.label = decision.steps ? '' : decision.label;
        if (call.evidence) call.arm = armTag(decision);
        this.send(call, trip, token, now, extra);
        return undefined;
      }
      // Its breaker closed or it went away in this very moment.
      call.avoid(trip.blocked);
      call.missed = true;
    }
  }

  /** A replica is gone with what it held; one that a pipeline has yet to come to holds nothing. */
  private lost(token: string, step: number): void {
    const trip = this.attempts.get(token)?.flight;
    if (!trip || (trip instanceof Journey && !trip.isAt(step))) return;
    const gone = failure('REPLICA_LOST', `${trip.replica.id} went away during the call.`);
    this.failed(token, gone, 'abandoned', step);
  }

  private lateAtMs(
    { deadlineMs, timedOut, asked, sequence }: Call,
    { replica: { patienceMs: latencyMs, inFlight } }: Trip,
    now: number,
  ): number {
    if (sequence) return deadlineMs;
    const bytesToFetch = asked.head.body?.bytes ?? 0;
    return now + attemptTimeoutMs({ leftMs: deadlineMs - now, latencyMs, inFlight, timedOut, bytesToFetch });
  }

  private send(call: Call, flight: Trip, token: string, now: number, extra: Extra | undefined): void {
    const leftMs = call.deadlineMs - now;
    const lateAtMs = this.lateAtMs(call, flight, now);
    call.attempts++;
    call.hopes++;
    this.attempts.set(token, { token, call, flight, lateAtMs, extra });
    try {
      this.parts.wire.forward(call, flight, token, leftMs);
    } catch (error) {
      // Too large for the bus, or no bus: no other replica would change that.
      this.close(token, 'abandoned', now);
      this.giveUp(call, toFailure(error));
    }
  }

  /** Nobody to ask just now: looks again in a moment, while there is time. */
  private wait(call: Call, why: Failure, now: number): void {
    call.last ??= why;
    const wakeAtMs = now + backoffMs(call.waits, RETRY_BACKOFF, this.parts.random);
    const untilMs =
      call.attempts > 0 ? call.deadlineMs : Math.min(call.deadlineMs, call.arrivedMs + UNSENT_WAIT_MS_MAX);
    if (call.waits >= WAITS_MAX || wakeAtMs >= untilMs) return this.stay(call);
    call.waits++;
    call.wakeAtMs = wakeAtMs;
    call.state = 'waiting';
    this.waiting.add(call);
  }

  private wake(call: Call, now: number): void {
    this.waiting.delete(call);
    if (call.state === 'over') return;
    call.state = 'under way';
    // Who failed before may have been replaced meanwhile.
    call.tried = undefined;
    this.advance(call, now);
  }

  /** No further attempt. What is out may still answer; with nothing out it is over. */
  private stay(call: Call): void {
    if (call.hopes > 0) return;
    this.giveUp(call, call.last ?? outOfTime(call));
  }

  private late(attempt: Attempt, now: number): void {
    const { call, flight, extra } = attempt;
    flight.end('timedOut', now);
    call.timedOut++;
    if (!extra) call.evidence?.failed('timedOut', 'REPLICA_LOST');
    this.paidFor(extra)?.done();
    if (call.state !== 'under way') return;
    call.last = named(flight, failure('REPLICA_LOST', `${flight.replica.id} did not answer in time.`));
    call.avoid(flight.replica.id);
    this.advance(call, now);
  }

  private expire(token: string, call: Call, now: number): void {
    const trip = this.attempts.get(token)?.flight;
    if (trip instanceof Journey)
      call.last = trip.named(call.last ?? failure('REPLICA_LOST', 'It did not answer.'));
    this.close(token, 'timedOut', now);
    this.giveUp(call, outOfTime(call));
  }

  /** A second attempt beside the first: once, paid from the budget, and only with somebody else. */
  private hedge(call: Call, now: number): void {
    const { hedges, attemptsMax } = this.parts;
    if (call.hedged || call.attempts !== 1 || call.state !== 'under way') return;
    call.hedged = true;
    if (attemptsMax < 2 || !hedges.take()) return;
    for (const other of this.attempts.values()) if (other.call === call) call.avoid(other.flight.replica.id);
    if (this.attempt(call, now, 'hedge')) hedges.done();
    else this.parts.wire.again(call, 'hedge');
  }

  /** Takes the attempt out of the table and ends what is open of it. */
  private close(token: string, end: FlightEnd, now: number, retryAfterMs?: number): Attempt | undefined {
    const attempt = this.attempts.get(token);
    if (!attempt) return undefined;
    this.attempts.delete(token);
    attempt.call.hopes--;
    if (end !== 'succeeded') attempt.call.avoid(attempt.flight.replica.id);
    if (attempt.flight.over) return attempt;
    this.paidFor(attempt.extra)?.done();
    attempt.flight.end(end, now, retryAfterMs);
    return attempt;
  }

  private paidFor(extra: Extra | undefined): RetryBudget | undefined {
    const { budget, hedges } = this.parts;
    return extra === 'hedge' ? hedges : extra && budget;
  }

  private giveUp(call: Call, reason: Failure): void {
    if (call.state === 'over') return;
    this.parts.wire.refuse(call, reason);
    call.evidence?.over(reason.code, 0);
    this.finish(call, reason.http);
  }

  private finish(call: Call, http: number): void {
    if (call.state === 'over') return;
    this.waiting.delete(call);
    call.state = 'over';
    this.calls--;
    this.bytes -= call.asked.body.length;
    if (call.hopes > 0) this.callOff(call);
    this.parts.wire.over(call, http);
  }

  /** What else is queued for it: a hedge that lost, one that was late. Past the deadline engines find out by themselves. */
  private callOff(call: Call): void {
    const now = this.parts.clock.monotonicMs();
    if (now >= call.deadlineMs) return;
    for (const { token, call: other, flight } of this.attempts.values()) {
      if (other !== call) continue;
      this.parts.wire.cancel(flight.replica.id, tokenOf(flight, token));
      this.close(token, 'abandoned', now); // no outcome will come of it
    }
  }
}

/** Whether a moment later somebody may be there. */
const mayPass = ({ code }: Failure): boolean => ERRORS[code].retryable;

const outOfTime = ({ asked, timeoutMs, last }: Call): Failure =>
  failure(
    'DEADLINE',
    `${asked.endpoint} did not answer within ${Math.round(timeoutMs)} ms${last ? ` (${reasonOf(last)})` : ''}.`,
    last?.step === undefined ? {} : { step: last.step },
  );

const reasonOf = ({ code, step }: Failure): string =>
  step === undefined ? code : `${code} in step "${step}"`;
