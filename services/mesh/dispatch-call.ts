// One inference on its way: choose a replica, send, wait, and on trouble choose another while there is time and budget. It is a
// state machine without timers of its own: the dispatcher turns it, and answers come in through the mux.
import type { Body } from '../../contracts/body-tensors.js';
import type { Sequence } from '../../contracts/body-parameters.js';
import { type Failure, failure, toFailure } from '../../contracts/errors.js';
import { readReference } from '../../contracts/large-body.js';
import { subjects } from '../../contracts/subjects.js';
import { Answer } from './answer.js';
import { attemptTimeoutMs } from './attempt-timeout.js';
import { backoffMs, RETRY_BACKOFF } from './backoff.js';
import { outOfTime } from './deadline.js';
import { Attempt } from './dispatch-attempt.js';
import { attemptHeaders, type SteadyHeaders } from './dispatch-headers.js';
import type { AttemptKind, DispatchObserver } from './dispatch-observer.js';
import type { HedgeDelays } from './hedge-delay.js';
import type { LargeBodies, OutgoingBody } from './large-bodies.js';
import type { EvidenceBook } from './evidence/book.js';
import { armTag, CallEvidence } from './evidence/call-evidence.js';
import type { Mux } from './mux.js';
import type { Random } from './random.js';
import { Journey, linesOf, named, tokenOf } from './journey.js';
import { type FlightEnd, NO_LINK, type ReplicaEntry, type Trip } from './replica-entry.js';
import type { RetryBudget } from './retry-budget.js';
import type { Decision } from './route.js';
import type { RouteView } from './route-view.js';
import { afterTrouble, LOOK_FOR_MS } from './sequence-trouble.js';

export interface CallParts {
  readonly view: RouteView;
  readonly muxes: readonly Mux[];
  /** Of the same connections in the same order. */
  readonly bodies: readonly LargeBodies[];
  readonly budget: RetryBudget;
  readonly hedges: RetryBudget;
  readonly delays: HedgeDelays;
  readonly random: Random;
  readonly nowMs: () => number;
  readonly observer: DispatchObserver;
  readonly evidence: EvidenceBook | undefined;
  /** Retries may be switched off, for a control run. */
  readonly retries: boolean;
  readonly ended: (call: Call) => void;
}

export interface CallRequest extends SteadyHeaders {
  readonly body: Body;
  /** Set when one message does not carry the body. */
  readonly large?: OutgoingBody | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly version?: string | undefined;
  readonly timeoutMs: number;
}

export interface DispatchResult {
  readonly bytes: Uint8Array;
  readonly jsonLength: number | undefined;
  readonly replica: string;
  readonly attempts: number;
  readonly requestId: string;
  /** `<epoch>.<arm>` where the weights chose among arms; callers give it back with their feedback. */
  readonly arm?: string | undefined;
  /** From endpoints that keep answers: whether it is one of those. */
  readonly cached: boolean | undefined;
  /** Of the answer, as they came. */
  headers(): Map<string, string>;
}

/** How long a call waits for a known endpoint to get its first replica, inside its deadline. */
const READY_WITHIN_MS = 5_000;
/** Replicas that may go away with one call in their hands. */
const LOSSES_MAX = 4;
/** While parts of its body are being fetched an attempt is alive; after that much silence its time-out counts. */
const FETCHING_MS = 500;
const NEVER = Number.POSITIVE_INFINITY;
const OVERLOAD: ReadonlySet<string> = new Set(['MAILBOX_FULL', 'RATE_LIMITED']);

export class Call {
  /** When the dispatcher must turn it next. */
  wakeAt = NEVER;
  /** Between attempts: good news about replicas may wake it. */
  waiting = false;
  /** Answered or given up. */
  over = false;
  private readonly startedAt: number;
  private readonly deadlineAt: number;
  private readonly attempts: Attempt[] = [];
  private tried: Set<string> | undefined;
  private avoidLink = NO_LINK;
  private timedOut = 0;
  private losses = 0;
  /** A replica that may have the sequence could not be asked. */
  private missed = false;
  /** The next attempt replaces one that is gone: it is no load beyond the first, so it needs no budget. */
  private replaces = false;
  private waits = 0;
  private hedgeAt = NEVER;
  private last: Failure | undefined;
  private letGo: (() => void) | undefined;
  private fetching: AbortController | undefined;
  private evidence: CallEvidence | undefined;

  constructor(
    private readonly parts: CallParts,
    private readonly request: CallRequest,
    private readonly resolve: (result: DispatchResult) => void,
    private readonly reject: (failure: Failure) => void,
  ) {
    this.startedAt = parts.nowMs();
    this.deadlineAt = this.startedAt + request.timeoutMs;
    parts.budget.request();
    parts.hedges.request();
    this.tryNext('first');
  }

  /** What it waited for may be due. */
  wake(now: number): void {
    if (this.over) return;
    if (now >= this.deadlineAt) return this.outOfTime();
    for (const attempt of this.attempts) {
      if (!attempt.open || now < attempt.timeoutAt) continue;
      const fetchedUntil = this.fetchedAt(attempt) + FETCHING_MS;
      if (now < fetchedUntil) {
        attempt.timeoutAt = fetchedUntil;
        continue;
      }
      this.timedOut++;
      this.avoidLink = attempt.flight.link;
      return this.failed(attempt, 'timedOut', noAnswer(attempt, now));
    }
    if (now >= this.hedgeAt) return this.hedge();
    if (!this.waiting) return this.schedule();
    if (now < this.wakeAt) return;
    this.waiting = false;
    this.tryNext(this.attempts.length === 0 ? 'first' : 'retry');
  }

  /** We were held up ourselves for so long; that is no fault of a replica. */
  forgive(ms: number): void {
    for (const attempt of this.attempts) attempt.timeoutAt += ms;
    this.schedule();
  }

  /** Ends the call when the signal fires; lets go of the signal when the call ends. */
  endWith(signal: AbortSignal): void {
    const aborted = () => this.cancel(callerGone(signal));
    signal.addEventListener('abort', aborted, { once: true });
    this.letGo = () => signal.removeEventListener('abort', aborted);
  }

  /** The caller went away, or the dispatcher closes. */
  cancel(reason: Failure): void {
    if (!this.over) this.fail(reason);
  }

  private tryNext(kind: AttemptKind): void {
    const { view } = this.parts;
    const budget = kind === 'hedge' ? this.parts.hedges : this.parts.budget;
    const { endpoint, user, tenant, headers, version, sequence, priority } = this.request;
    const leftMs = this.deadlineAt - this.parts.nowMs();
    const decision = view.route({
      endpoint,
      user,
      tenant,
      headers,
      version,
      sequence,
      priority,
      leftMs,
      exclude: this.tried,
    });
    this.evidence ??= CallEvidence.of(this.parts.evidence, endpoint, user, decision);
    if (decision.kind === 'refused') return this.refused(decision);
    const replica = decision.replica as ReplicaEntry;
    const link = view.linkFor(replica, this.avoidLink);
    if (link === NO_LINK) return this.pause(failure('UNAVAILABLE', 'No connection to NATS is up.'));
    // A step is asked for again only where it did not run.
    const paid = kind === 'hedge' || (kind !== 'first' && !this.replaces && !sequence);
    if (paid && !budget.take()) return kind === 'hedge' ? this.schedule() : this.overBudget();
    let attempt: Attempt | undefined;
    const trip = view.setOut(decision, link, (step) => attempt && this.lost(attempt, step));
    if ('blocked' in trip) {
      // Its one probe went to somebody else between the choice and now.
      if (paid) budget.done();
      this.exclude(trip.blocked);
      return this.pause(failure('BREAKER_OPEN', `Replica ${trip.blocked} failed too often lately.`));
    }
    attempt = this.prepare(trip, kind, paid, decision.label);
    if (this.evidence) attempt.arm = armTag(decision);
    this.send(attempt);
  }

  /** A second attempt beside the first, for somebody else; where nobody else is, the first stays alone. */
  private hedge(): void {
    this.hedgeAt = NEVER;
    for (const { flight } of this.attempts) this.exclude(flight.replica.id);
    this.tryNext('hedge');
  }

  private prepare(trip: Trip, kind: AttemptKind, paid: boolean, label: string): Attempt {
    const mux = this.parts.muxes[trip.link] as Mux;
    const attempt: Attempt = new Attempt(
      trip,
      kind,
      paid,
      label,
      mux,
      this.timeoutAt(trip),
      (message, step) => this.answered(attempt, new Answer(message), step),
    );
    if (this.attempts.push(attempt) === 1)
      this.hedgeAt =
        trip.startedMs + (this.parts.delays.delayMs(this.request.endpoint, this.hedging) ?? NEVER);
    return attempt;
  }

  /** Of a pipeline: of the step that has it. */
  private timeoutAt({ replica: { patienceMs: latencyMs, inFlight }, startedMs }: Trip): number {
    const { body, large, sequence } = this.request;
    // Asked once and waited for: it can run nowhere else.
    if (sequence) return this.deadlineAt;
    const leftMs = this.deadlineAt - startedMs;
    const { timedOut } = this;
    const bytesToFetch = large ? body.bytes.length : 0;
    return startedMs + attemptTimeoutMs({ leftMs, latencyMs, inFlight, timedOut, bytesToFetch });
  }

  private send(attempt: Attempt): void {
    const { flight, mux, token } = attempt;
    const { body, large } = this.request;
    const itinerary = linesOf(flight);
    const leftMs = this.deadlineAt - flight.startedMs;
    try {
      mux.send(
        subjects.run(flight.replica.id),
        large ? large.beginning : body.bytes,
        tokenOf(flight, token),
        attemptHeaders(
          this.request,
          leftMs,
          this.attempts.length,
          itinerary + (large?.lineOn(this.bodiesOf(attempt)) ?? ''),
        ),
        itinerary.length,
      );
      this.schedule();
    } catch (error) {
      attempt.settled = true;
      this.failed(attempt, 'abandoned', toFailure(error));
    }
  }

  private answered(attempt: Attempt, answer: Answer, step: number): void {
    if (this.over) return;
    if (attempt.flight instanceof Journey && this.onTheWay(attempt, attempt.flight, answer, step)) return;
    attempt.settled = true;
    if (answer.nobody) return this.failed(attempt, 'unreachable', lost(attempt, 'does not answer any more'));
    const trouble = answer.failure;
    if (!trouble) {
      if (answer.reference === '') this.succeed(attempt, answer, answer.bytes);
      else void this.fetch(attempt, answer);
      return;
    }
    if (trouble.retryable)
      return this.failed(attempt, OVERLOAD.has(trouble.code) ? 'full' : 'failed', trouble);
    if (attempt.open) this.land(attempt, trouble.code === 'INTERNAL' ? 'failed' : 'refused');
    this.fail(trouble);
  }

  /** The answer is larger than a message: the engine holds it. An engine that goes away with it has not answered. */
  private async fetch(attempt: Attempt, answer: Answer): Promise<void> {
    attempt.timeoutAt = NEVER; // it lives, and the transfer ends by itself
    this.fetching ??= new AbortController();
    this.schedule();
    try {
      const reference = readReference(answer.reference);
      if (reference.kind !== 'chunks')
        throw failure('INTERNAL', 'The answer lies where nobody asked for it.');
      const bytes = await this.bodiesOf(attempt).fetcher.fetch(reference, answer.bytes, {
        untilMs: this.deadlineAt,
        silentMsMax: NEVER,
        last: true,
        signal: this.fetching.signal,
      });
      if (!this.over) this.succeed(attempt, answer, bytes);
    } catch (error) {
      if (this.over) return;
      const why = toFailure(error);
      if (why.code === 'DEADLINE') this.outOfTime();
      else if (why.code === 'BODY_LOST' && attempt.open) this.failed(attempt, 'abandoned', why);
      else if (why.code !== 'BODY_LOST') this.fail(why);
    }
  }

  private bodiesOf({ flight }: Attempt): LargeBodies {
    return this.parts.bodies[flight.link] as LargeBodies;
  }

  private fetchedAt(attempt: Attempt): number {
    return this.request.large?.fetchedAtMs(this.bodiesOf(attempt)) ?? -NEVER;
  }

  /** True for what is no answer: a step of a pipeline is done, or trouble comes from a step that has no say. */
  private onTheWay(attempt: Attempt, journey: Journey, answer: Answer, step: number): boolean {
    const { passed } = answer;
    if (passed === undefined) journey.reached(step, this.parts.nowMs());
    else journey.passed(step, passed, this.parts.nowMs());
    if (passed !== undefined && attempt.open) {
      attempt.timeoutAt = this.timeoutAt(journey);
      this.schedule();
    }
    return passed !== undefined || (attempt.open && !journey.isAt(step));
  }

  /** From the replica entry: what was under way there is gone. */
  private lost(attempt: Attempt, step: number): void {
    const { flight } = attempt;
    if (flight instanceof Journey && !flight.isAt(step)) return;
    attempt.settled = true;
    this.failed(attempt, 'abandoned', lost(attempt, 'went away during the call'));
  }

  private failed(attempt: Attempt, end: FlightEnd, why: Failure): void {
    if (!attempt.open) return; // said already, when its time was over
    this.last = why;
    if (this.request.sequence) return this.outOfStep(this.request.sequence, attempt, end, why);
    this.exclude(attempt.flight.replica.id);
    this.land(attempt, end, why.retryAfterMs);
    if (attempt === this.attempts[0]) this.evidence?.failed(end, why.code);
    this.replaces = end === 'unreachable' || end === 'abandoned';
    // A request that takes every engine with it must not be handed to all of them.
    if (end === 'abandoned' && ++this.losses >= LOSSES_MAX) return this.fail(why);
    if (!why.retryable || !this.parts.retries) return this.fail(why);
    // Another one is under way and may still answer.
    if (this.attempts.some(({ open }) => open)) this.schedule();
    else this.tryNext('retry');
  }

  /** A step of a sequence found no answer. */
  private outOfStep(sequence: Sequence, attempt: Attempt, end: FlightEnd, why: Failure): void {
    const verdict = afterTrouble(sequence, why.code, end);
    // That it has not the sequence says nothing against the replica, nor that a step was sent on to an engine that is gone.
    this.land(
      attempt,
      why.code === 'SEQUENCE_ELSEWHERE' ? 'refused' : end === 'unreachable' ? 'abandoned' : end,
    );
    if (verdict === 'fail' || !this.parts.retries) return this.fail(why);
    if (verdict === 'again') {
      if (end === 'abandoned' && ++this.losses >= LOSSES_MAX) return this.fail(why);
      return this.pause(why);
    }
    this.exclude(attempt.flight.replica.id);
    this.missed ||= why.code !== 'SEQUENCE_ELSEWHERE';
    this.replaces = true; // it ran nowhere yet
    this.tryNext('retry');
  }

  private succeed(attempt: Attempt, answer: Answer, bytes: Uint8Array): void {
    if (attempt.open) this.land(attempt, 'succeeded');
    const { sequence, endpoint } = this.request;
    if (sequence) this.parts.view.seated(endpoint, sequence, answer.replica || attempt.flight.replica.id);
    this.parts.delays.answered(endpoint, this.hedging, this.parts.nowMs() - this.startedAt);
    this.finish('OK');
    this.resolve({
      bytes,
      jsonLength: answer.jsonLength,
      replica: answer.replica || attempt.flight.replica.id,
      attempts: this.attempts.length,
      requestId: this.request.requestId,
      arm: attempt.arm,
      cached: answer.cached,
      headers: () => answer.headers(),
    });
  }

  private refused({ code, message, step, retryAfterMs }: Decision & { kind: 'refused' }): void {
    if (this.attempts.some(({ open }) => open)) return this.schedule(); // no hedge, then
    const why = failure(code, message, {
      endpoint: this.request.endpoint,
      ...(step !== undefined && { step }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    // Somebody could not be asked: it may be there again in a moment.
    if (code === 'SEQUENCE_LOST' && this.missed && this.parts.nowMs() - this.startedAt < LOOK_FOR_MS) {
      this.missed = false;
      return this.pause(why);
    }
    if (OVERLOAD.has(code)) return this.full(why);
    if (code === 'REPLICA_LOST' && this.last && OVERLOAD.has(this.last.code)) return this.full(this.last);
    // Before the catalog was ever read, no endpoint is unknown.
    if (!why.retryable && (code !== 'ENDPOINT_UNKNOWN' || this.parts.view.loaded)) return this.fail(why);
    this.pause(code === 'REPLICA_LOST' ? (this.last ?? why) : why);
  }

  /** Nobody has room: who may try again does so when there is some, the others are told at once. */
  private full(why: Failure): void {
    const { retries, budget, nowMs } = this.parts;
    this.last = why;
    const hasTime = nowMs() + (why.retryAfterMs ?? 0) < this.deadlineAt;
    if (!retries || !hasTime || !budget.take()) return this.fail(why);
    budget.done();
    this.replaces = true; // paid now
    this.pause(why);
  }

  private overBudget(): void {
    const why = this.last ?? failure('UNAVAILABLE', 'Retries are used up for now.');
    // More tries would make an overload worse; what was lost may well wait for its turn.
    if (OVERLOAD.has(why.code)) this.fail(why);
    else this.pause(why);
  }

  /** Waits a little, then begins again with any of them; the mesh heals within seconds. */
  private pause(why: Failure): void {
    if (this.attempts.some(({ open }) => open)) return this.schedule();
    this.last = why;
    this.tried?.clear();
    const now = this.parts.nowMs();
    const { length: sent } = this.attempts;
    if (sent === 0 ? now - this.startedAt >= READY_WITHIN_MS : !this.parts.retries) return this.fail(why);
    this.waiting = true;
    const backOffMs = backoffMs(this.waits++, RETRY_BACKOFF, this.parts.random);
    this.wakeAt = Math.min(now + Math.max(backOffMs, why.retryAfterMs ?? 0), this.deadlineAt);
  }

  private schedule(): void {
    if (this.waiting) return;
    let next = Math.min(this.deadlineAt, this.hedgeAt);
    for (const { open, timeoutAt } of this.attempts) if (open && timeoutAt < next) next = timeoutAt;
    this.wakeAt = next;
  }

  private outOfTime(): void {
    const { endpoint, timeoutMs } = this.request;
    // A caller whose request never left rather wants to know what was missing.
    const why = this.attempts.length === 0 ? this.last : undefined;
    const late = outOfTime(`The call of ${endpoint}`, timeoutMs, this.last);
    const asked = this.attempts.at(-1);
    this.fail(why ?? (asked ? named(asked.flight, late) : late));
  }

  private land({ flight, kind, paid, label }: Attempt, end: FlightEnd, retryAfterMs?: number): void {
    if (paid) (kind === 'hedge' ? this.parts.hedges : this.parts.budget).done();
    const now = this.parts.nowMs();
    flight.end(end, now, retryAfterMs);
    this.parts.observer.attemptEnded?.({
      endpoint: this.request.endpoint,
      label,
      replica: flight.replica.id,
      shard: flight.replica.shard,
      kind,
      end,
      latencyMs: now - flight.startedMs,
    });
  }

  private fail(why: Failure): void {
    this.finish(why.code);
    this.reject(why);
  }

  private finish(code: 'OK' | Failure['code']): void {
    this.over = true;
    this.letGo?.();
    this.fetching?.abort();
    for (const attempt of this.attempts) {
      if (attempt.open) this.land(attempt, 'abandoned');
      // Nobody waits for what is queued there: a lost hedge, one that was given up, or the only one of a caller who went away.
      if (!attempt.settled && !this.late)
        attempt.mux.cancel(attempt.flight.replica.id, tokenOf(attempt.flight, attempt.token));
      attempt.mux.close(attempt.token);
    }
    this.parts.ended(this);
    this.evidence?.over(code, this.parts.nowMs() - this.startedAt);
    this.parts.observer.callEnded?.({
      endpoint: this.request.endpoint,
      label: this.attempts.at(-1)?.label ?? '',
      shard: this.attempts.at(-1)?.flight.replica.shard ?? '',
      code,
      latencyMs: this.parts.nowMs() - this.startedAt,
      attempts: this.attempts.length,
    });
  }

  /** Engines find out by themselves. */
  private get late(): boolean {
    return this.parts.nowMs() >= this.deadlineAt;
  }

  /** A step of a sequence runs in one place only. */
  private get hedging() {
    return this.request.sequence ? undefined : this.endpoint?.hedgeAfterMs;
  }

  private get endpoint() {
    return this.parts.view.endpoint(this.request.endpoint);
  }

  private exclude(replica: string): void {
    (this.tried ??= new Set()).add(replica);
  }
}

export const callerGone = (signal: AbortSignal): Failure =>
  failure('UNAVAILABLE', 'The caller gave up.', {}, signal.reason);

const lost = ({ flight }: Attempt, how: string): Failure =>
  named(
    flight,
    failure('REPLICA_LOST', `Replica ${flight.replica.id} ${how}.`, { replica: flight.replica.id }),
  );

const noAnswer = (attempt: Attempt, now: number): Failure =>
  lost(attempt, `did not answer within ${Math.round(now - attempt.flight.startedMs)} ms`);
