// The course of one call, whoever carries it: choose a replica, send, wait, and on trouble choose another while there is time and
// budget. It has no timers and no wires: dispatcher and router turn it when its time has come, send what it says, and tell it what
// came back. An answer after its attempt's time still counts.
import type { Sequence } from '../../../contracts/body-parameters.js';
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import { attemptTimeoutMs, wasPatient } from './attempt-timeout.js';
import { backoffMs, RETRY_BACKOFF } from '../backoff.js';
import { PROBED_WITHIN_MS } from '../breaker.js';
import { outOfTime } from '../deadline.js';
import { Attempt } from './call-attempt.js';
import type { Carrier, CourseParts, CourseRequest } from './call-carrier.js';
import { isOverload } from './call-rules.js';
import type { AttemptKind } from './dispatch-observer.js';
import { armTag, CallEvidence } from '../evidence/call-evidence.js';
import { Journey, named } from '../routing/journey.js';
import { type FlightEnd, NO_LINK, type ReplicaEntry, type Trip } from '../routing/replica-entry.js';
import type { Decision } from '../routing/route.js';
import { afterTrouble, LOOK_FOR_MS } from './sequence-trouble.js';
import type { Seat } from './waiting-room.js';

/** While parts of its body are being fetched an attempt is alive; after that much silence its time-out counts. */
const FETCHING_MS = 500;
const NEVER = Number.POSITIVE_INFINITY;
/** News of a replica wakes who waits for one; this look is for news that was lost. */
const AWAKE_LOOK_MS = 500;
/** So long a shard that was killed is away, or one not heard of by a router that just started: the only one that may hold an endpoint may be such. */
const COMING_BACK_MS = 3_000;
const FULL_LOOK_MS = 10;

export class Course {
  /** `waiting`: nobody can be asked just now, good news about replicas may wake it. */
  state: 'under way' | 'waiting' | 'over' = 'under way';
  /** When it must be turned next. */
  wakeAt = NEVER;
  readonly attempts: Attempt[] = [];
  readonly deadlineAt: number;
  /** Of an endpoint whose arms are compared. */
  evidence: CallEvidence | undefined;
  private tried: Set<string> | undefined;
  private avoidLink = NO_LINK;
  private timedOut = 0;
  private losses = 0;
  private waits = 0;
  private hedgeAt = NEVER;
  /** A replica that may have the sequence could not be asked. */
  private missed = false;
  /** The next attempt replaces one that is gone: it is no load beyond the first, so it needs no budget. */
  private replaces = false;
  /** The attempt that it waits for is in the budget already: a look for room that sends nothing costs the mesh nothing. */
  private paidToWait = false;
  private last: Failure | undefined;
  /** In the waiting room; kept, though left, by a call that met a sleeping endpoint. */
  private seat: Seat | undefined;

  constructor(
    private readonly parts: CourseParts,
    readonly request: CourseRequest,
    private readonly carrier: Carrier,
    readonly startedAt: number,
  ) {
    this.deadlineAt = startedAt + request.timeoutMs;
  }

  begin(): void {
    this.parts.budget.request();
    this.parts.hedges.request();
    this.tryNext('first', this.startedAt);
  }

  /** What it waited for may be due. */
  wake(now: number): void {
    if (this.state === 'over') return;
    if (now >= this.deadlineAt) return this.outOfTime(now);
    for (const attempt of this.attempts)
      if (attempt.open && now >= attempt.timeoutAt && !this.isFetching(attempt, now))
        return this.late(attempt, now);
    if (now >= this.hedgeAt) return this.hedge(now);
    if (this.state !== 'waiting') return this.schedule();
    if (now < this.wakeAt) return;
    this.state = 'under way';
    this.tryNext(this.attempts.length === 0 ? 'first' : 'retry', now);
  }

  /** Whoever turns it was held up for so long; that is no fault of a replica. */
  forgive(ms: number): void {
    for (const attempt of this.attempts) attempt.timeoutAt += ms;
    this.schedule();
  }

  /** The answer is there. `by`: the replica that gave it. */
  answered(attempt: Attempt, end: FlightEnd, by: string, now: number): void {
    attempt.settled = true;
    if (attempt.open) this.land(attempt, end, now);
    else if (end === 'succeeded' || end === 'refused') attempt.flight.replica.answeredLate();
    const { endpoint, hedging, sequence } = this.request;
    if (end === 'succeeded') {
      if (sequence)
        seatsOf(attempt.flight, endpoint, by).forEach(([at, who]) =>
          this.parts.view.seated(at, sequence, who),
        );
      this.parts.delays.answered(endpoint, hedging, now - this.startedAt);
    }
    this.finish(undefined, now);
  }

  /** The attempt has no answer, for a reason that another replica may make good, or none. */
  failed(attempt: Attempt, end: FlightEnd, why: Failure, now: number): void {
    if (end !== 'timedOut') attempt.settled = true;
    if (this.state === 'over') return;
    if (!attempt.open) return why.retryable ? this.hopeLost(this.last ?? why, now) : this.fail(why, now);
    this.last = why;
    if (this.request.sequence) return this.outOfStep(this.request.sequence, attempt, end, why, now);
    this.exclude(attempt.flight.replica.id);
    this.land(attempt, end, now, why.retryAfterMs);
    if (why.retryable && attempt === this.attempts[0]) this.evidence?.failed(end, why.code);
    this.replaces = end === 'unreachable' || end === 'abandoned';
    if (this.isLost(end) || !why.retryable || !this.parts.rules.retries) return this.fail(why, now);
    // Another one is under way and may still answer.
    if (this.isOut) this.schedule();
    else this.tryNext('retry', now);
  }

  /** A step of a pipeline is done, and the request on its way to another. */
  passed(attempt: Attempt, journey: Journey, step: number, next: number, now: number): void {
    journey.passed(step, next, now);
    if (attempt.open) this.extend(attempt, this.timeoutAt(journey, now));
  }

  /** The attempt may take until then. */
  extend(attempt: Attempt, untilMs: number): void {
    attempt.timeoutAt = untilMs;
    this.schedule();
  }

  /** Whoever carries it gives it up. */
  fail(why: Failure, now: number): void {
    if (this.state !== 'over') this.finish(why, now);
  }

  private tryNext(kind: AttemptKind, now: number): void {
    const { view, hedges, budget, rules, evidence } = this.parts;
    if (this.attempts.length >= rules.attemptsMax && !this.seat) return this.stay(this.last, now);
    const { request } = this;
    for (;;) {
      const leftMs = this.deadlineAt - now;
      const decision = view.route({ ...routed(request), nowMs: now, leftMs, exclude: this.tried });
      this.evidence ??= CallEvidence.of(evidence, request.endpoint, request.user, decision);
      if (decision.kind === 'refused') return this.refused(decision, now);
      const link = view.linkFor(decision.replica as ReplicaEntry, this.avoidLink);
      if (link === NO_LINK) return this.pause(failure('UNAVAILABLE', 'No connection to NATS is up.'), now);
      const purse = kind === 'hedge' ? hedges : budget;
      const paid = this.isPaid(kind);
      if (paid && !purse.take()) return kind === 'hedge' ? this.schedule() : this.overBudget(now);
      let attempt: Attempt | undefined;
      const trip = view.setOut(decision, link, (step) => attempt && this.lost(attempt, step));
      if (!('blocked' in trip)) {
        this.seat?.leave();
        attempt = this.prepare(trip, kind, paid, decision, now);
        return this.send(attempt, leftMs, now);
      }
      // Its one probe went to somebody else, or it went away, between the choice and now.
      if (paid) purse.done();
      this.exclude(trip.blocked);
      this.missed = true;
    }
  }

  /** A step is asked for again only where it did not run. */
  private isPaid(kind: AttemptKind): boolean {
    if (kind === 'hedge') return true;
    // Many that waited for the same replica may find it full together; that is no overload of the mesh.
    if (this.seat) return false;
    return kind === 'retry' && !this.request.sequence && !(this.replaces && this.parts.rules.patient);
  }

  /** A second attempt beside the first, for somebody else; where nobody else is, the first stays alone. */
  private hedge(now: number): void {
    this.hedgeAt = NEVER;
    for (const { flight } of this.attempts) this.exclude(flight.replica.id);
    if (this.attempts.length < this.parts.rules.attemptsMax) this.tryNext('hedge', now);
    else this.schedule();
  }

  private prepare(
    trip: Trip,
    kind: AttemptKind,
    paid: boolean,
    decision: Decision & { kind: 'replica' },
    now: number,
  ): Attempt {
    const arm = this.evidence && armTag(decision);
    const label = decision.steps ? '' : decision.label;
    const attempt = new Attempt(trip, kind, paid, label, arm, this.timeoutAt(trip, now));
    const { endpoint, hedging } = this.request;
    if (this.attempts.push(attempt) === 1)
      this.hedgeAt = now + (this.parts.delays.delayMs(endpoint, hedging) ?? NEVER);
    return attempt;
  }

  private send(attempt: Attempt, leftMs: number, now: number): void {
    this.paidToWait = false;
    try {
      this.carrier.send(attempt, leftMs);
    } catch (error) {
      return this.failed(attempt, 'abandoned', toFailure(error), now);
    }
    if (attempt.kind !== 'first') this.carrier.more?.(attempt.kind);
    this.schedule();
  }

  /** Of a pipeline: of the step that has it. */
  private timeoutAt({ replica: { patienceMs: latencyMs, seen, inFlight } }: Trip, now: number): number {
    const { sequence, bytesToFetch } = this.request;
    // Asked once and waited for: it can run nowhere else.
    if (sequence) return this.deadlineAt;
    const { timedOut } = this;
    const leftMs = this.deadlineAt - now;
    return now + attemptTimeoutMs({ leftMs, latencyMs, seen, inFlight, timedOut, bytesToFetch });
  }

  private isFetching(attempt: Attempt, now: number): boolean {
    const untilMs = (this.carrier.fetchedAtMs?.(attempt) ?? -NEVER) + FETCHING_MS;
    if (now >= untilMs) return false;
    attempt.timeoutAt = untilMs;
    return true;
  }

  private late(attempt: Attempt, now: number): void {
    this.timedOut++;
    this.avoidLink = attempt.flight.link;
    const waitedMs = Math.round(now - attempt.flight.startedMs);
    this.failed(attempt, 'timedOut', gone(attempt.flight, `did not answer within ${waitedMs} ms`), now);
  }

  /** From the replica entry: what was under way there is gone. One that a pipeline has yet to come to holds nothing. */
  private lost(attempt: Attempt, step: number): void {
    const { flight } = attempt;
    if (flight instanceof Journey && !flight.isAt(step)) return;
    this.failed(attempt, 'abandoned', gone(flight, 'went away during the call'), this.parts.nowMs());
  }

  /** A step of a sequence found no answer. */
  private outOfStep(sequence: Sequence, attempt: Attempt, end: FlightEnd, why: Failure, now: number): void {
    const verdict = afterTrouble(sequence, why.code, end);
    const elsewhere = why.code === 'SEQUENCE_ELSEWHERE';
    // That it has not the sequence says nothing against the replica, nor that a step was sent on to an engine that is gone.
    this.land(attempt, elsewhere ? 'refused' : end === 'unreachable' ? 'abandoned' : end, now);
    if (verdict === 'fail' || !this.parts.rules.retries) return this.fail(why, now);
    if (verdict === 'again') return this.isLost(end) ? this.fail(why, now) : this.pause(why, now);
    this.exclude(attempt.flight.replica.id);
    this.missed ||= !elsewhere;
    this.tryNext('retry', now);
  }

  /** A request that takes every engine with it must not be handed to all of them. */
  private isLost(end: FlightEnd): boolean {
    return end === 'abandoned' && ++this.losses >= this.parts.rules.lossesMax;
  }

  private refused(decision: Decision & { kind: 'refused' }, now: number): void {
    const { code, message, step, retryAfterMs, asleep, nowhere } = decision;
    if (this.isOut) return this.schedule(); // no hedge, then
    const why = failure(code, message, {
      endpoint: this.request.endpoint,
      ...(step !== undefined && { step }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    if (asleep !== undefined && this.request.failFast) return this.fail(why, now);
    if (nowhere && now - this.startedAt >= COMING_BACK_MS) return this.fail(why, now);
    if (asleep !== undefined && this.parts.waiting) return this.untilAwake(asleep, why, now);
    // Somebody could not be asked: it may be there again in a moment.
    if (code === 'SEQUENCE_LOST' && this.missed && now - this.startedAt < LOOK_FOR_MS) {
      this.missed = false;
      return this.pause(why, now);
    }
    const reason = code === 'REPLICA_LOST' ? (this.last ?? why) : why;
    if (isOverload(reason.code)) return this.full(reason, now);
    if (!why.retryable && (code !== 'ENDPOINT_UNKNOWN' || this.parts.view.loaded !== false))
      return this.fail(why, now);
    this.pause(reason, now);
  }

  /** The endpoint sleeps: waits to the deadline for a replica, if there is room to wait. */
  private untilAwake(endpoint: string, why: Failure, now: number): void {
    if (!this.seat?.taken || this.seat.endpoint !== endpoint) {
      const seat = this.parts.waiting?.enter(endpoint);
      if (!seat) return this.fail(tooManyWait(endpoint), now);
      this.seat?.leave();
      this.seat = seat;
    }
    this.holdOn(why, now, AWAKE_LOOK_MS);
  }

  /** Nothing is sent until good news comes or the time is over. */
  private holdOn(why: Failure, now: number, ms: number): void {
    if (this.isOut) return this.schedule();
    this.last = why;
    this.tried?.clear();
    this.state = 'waiting';
    this.wakeAt = Math.min(now + ms, this.deadlineAt);
  }

  /** Nobody has room: the patient try again when there is some, the others are told at once. */
  private full(why: Failure, now: number): void {
    const { rules } = this.parts;
    // It waited for the replica to wake, with others: its turn comes.
    if (this.seat) return this.holdOn(why, now, Math.max(why.retryAfterMs ?? 0, FULL_LOOK_MS));
    this.last = why;
    const hasTime = now + (why.retryAfterMs ?? 0) < this.deadlineAt;
    if (!rules.patient || !rules.retries || !hasTime || !this.mayWait()) return this.stay(why, now);
    this.replaces = true; // paid now
    this.pause(why, now);
  }

  /** A step of a sequence that has not run does so late rather than never: all steps after it would be lost. */
  private mayWait(): boolean {
    if (this.request.sequence || this.paidToWait) return true;
    const { budget } = this.parts;
    if (!budget.take()) return false;
    budget.done();
    return (this.paidToWait = true);
  }

  private overBudget(now: number): void {
    const why = this.last ?? failure('UNAVAILABLE', 'Retries are used up for now.');
    // More tries would make an overload worse; what was lost may well wait for its turn.
    if (this.parts.rules.patient && !isOverload(why.code)) this.pause(why, now);
    else this.stay(why, now);
  }

  /** Waits a little, then begins again with any of them; the mesh heals within seconds. */
  private pause(why: Failure, now: number): void {
    if (this.isOut) return this.schedule();
    const { rules, random } = this.parts;
    this.last = why;
    this.tried?.clear();
    const unsent = this.attempts.length === 0;
    const waitMs = Math.max(backoffMs(this.waits, RETRY_BACKOFF, random), why.retryAfterMs ?? 0);
    const untilMs = unsent
      ? Math.min(this.startedAt + this.unsentMsMax(why), this.deadlineAt)
      : this.deadlineAt;
    const tooLate = rules.patient ? now >= untilMs : now + waitMs >= untilMs;
    if (tooLate || this.waits >= rules.waitsMax || (!unsent && !rules.retries)) return this.stay(why, now);
    this.waits++;
    this.state = 'waiting';
    this.wakeAt = Math.min(now + waitMs, this.deadlineAt);
  }

  /** Breakers let a probe through by themselves: whoever is known to wait that long is not lost to one that shut on the last way there is. */
  private unsentMsMax({ code }: Failure): number {
    const { unsentMsMax } = this.parts.rules;
    return code === 'BREAKER_OPEN' && this.request.ownTime
      ? Math.max(unsentMsMax, PROBED_WITHIN_MS)
      : unsentMsMax;
  }

  /** No further attempt. What is out may still answer, late as it is; with nothing out it is over. */
  private stay(why: Failure | undefined, now: number): void {
    const hopes = this.attempts.some(({ settled }) => !settled);
    if (hopes && !this.parts.rules.patient) this.schedule();
    else this.fail(why ?? this.timeIsOver(), now);
  }

  /** One that was late already has failed: said before, but it may have been all that was left. */
  private hopeLost(why: Failure, now: number): void {
    if (this.state === 'under way' && !this.isOut && !this.parts.rules.patient) this.stay(why, now);
  }

  private schedule(): void {
    if (this.state !== 'under way') return;
    let next = Math.min(this.deadlineAt, this.hedgeAt);
    for (const { open, timeoutAt } of this.attempts) if (open && timeoutAt < next) next = timeoutAt;
    this.wakeAt = next;
  }

  private outOfTime(now: number): void {
    // A caller whose request never left rather wants to know what was missing.
    const why = this.attempts.length === 0 ? this.last : undefined;
    const asked = this.attempts.at(-1);
    const late = this.timeIsOver();
    this.fail(why ?? (asked ? named(asked.flight, late) : late), now);
  }

  private timeIsOver(): Failure {
    const { endpoint, timeoutMs } = this.request;
    return outOfTime(`The call of ${endpoint}`, timeoutMs, this.last);
  }

  private finish(why: Failure | undefined, now: number): void {
    this.state = 'over';
    this.seat?.leave();
    // Engines find out by themselves.
    const late = now >= this.deadlineAt;
    for (const attempt of this.attempts) {
      if (attempt.open)
        this.land(attempt, late && wasPatient(attempt.flight, now) ? 'timedOut' : 'abandoned', now);
      // Nobody waits for what is queued there: a lost hedge, one that was given up, or the only one of a caller who went away.
      if (!attempt.settled && !late) this.carrier.callOff(attempt);
      this.carrier.close(attempt);
    }
    this.carrier.over(why, now);
  }

  private land(attempt: Attempt, end: FlightEnd, now: number, retryAfterMs?: number): void {
    const { kind, paid, flight } = attempt;
    if (paid) (kind === 'hedge' ? this.parts.hedges : this.parts.budget).done();
    flight.end(end, now, retryAfterMs);
    this.carrier.landed?.(attempt, end, now);
  }

  private get isOut(): boolean {
    return this.attempts.some(({ open }) => open);
  }

  private exclude(replica: string): void {
    (this.tried ??= new Set()).add(replica);
  }
}

const routed = ({ endpoint, version, user, tenant, headers, sequence, priority }: CourseRequest) => ({
  endpoint,
  version,
  user,
  tenant,
  headers,
  sequence,
  priority,
});

/** Who has the sequence now: of a pipeline, a replica for each of its steps. */
const seatsOf = (trip: Trip, endpoint: string, by: string): [endpoint: string, replica: string][] =>
  trip instanceof Journey ? trip.seats(by) : [[endpoint, by]];

const tooManyWait = (endpoint: string): Failure =>
  failure('MAILBOX_FULL', `${endpoint} sleeps, and as many requests wait for it as there is room for.`, {
    endpoint,
  });

/** A replica that has no answer, in words that name it, and the step where there is one. */
export const gone = (flight: Trip, how: string): Failure =>
  named(
    flight,
    failure('REPLICA_LOST', `Replica ${flight.replica.id} ${how}.`, { replica: flight.replica.id }),
  );
