// One inference of a dispatcher: carries its course over the connections, reads the answers that come to its attempts, fetches those
// that one message does not bring, and keeps the promise to the caller.
import type { Body } from '../../../contracts/body-tensors.js';
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import { readReference } from '../../../contracts/large-body.js';
import { subjects } from '../../../contracts/subjects.js';
import { Answer } from '../answer.js';
import type { Attempt } from './call-attempt.js';
import type { Carrier, CourseParts } from './call-carrier.js';
import { Course, gone } from './call-course.js';
import { isOverload } from './call-rules.js';
import { attemptHeaders, type SteadyHeaders } from './dispatch-headers.js';
import type { DispatchObserver } from './dispatch-observer.js';
import { Journey, linesOf, tokenOf } from '../routing/journey.js';
import type { LargeBodies, OutgoingBody } from '../bodies/large-bodies.js';
import type { Mux } from './mux.js';
import type { FlightEnd } from '../routing/replica-entry.js';
import type { RouteView } from '../routing/route-view.js';

export interface CallParts extends CourseParts {
  readonly view: RouteView;
  readonly muxes: readonly Mux[];
  /** Of the same connections in the same order. */
  readonly bodies: readonly LargeBodies[];
  readonly observer: DispatchObserver;
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
  readonly failFast?: boolean | undefined;
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

const NEVER = Number.POSITIVE_INFINITY;

export class Call implements Carrier {
  readonly course: Course;
  private letGo: (() => void) | undefined;
  private fetching: AbortController | undefined;
  private result: DispatchResult | undefined;

  constructor(
    private readonly parts: CallParts,
    private readonly request: CallRequest,
    private readonly resolve: (result: DispatchResult) => void,
    private readonly reject: (failure: Failure) => void,
  ) {
    const { endpoint, version, user, tenant, headers, priority, sequence, timeoutMs, large, body } = request;
    const asked = {
      endpoint,
      version,
      user,
      tenant,
      headers,
      priority,
      sequence,
      timeoutMs,
      failFast: request.failFast,
      // A step of a sequence runs in one place only.
      hedging: sequence ? undefined : parts.view.endpoint(endpoint)?.hedgeAfterMs,
      bytesToFetch: large ? body.bytes.length : 0,
    };
    this.course = new Course(parts, asked, this, parts.nowMs());
    this.course.begin();
  }

  /** Ends the call when the signal fires; lets go of the signal when the call ends. */
  endWith(signal: AbortSignal): void {
    const aborted = () => this.cancel(callerGone(signal));
    signal.addEventListener('abort', aborted, { once: true });
    this.letGo = () => signal.removeEventListener('abort', aborted);
  }

  /** The caller went away, or the dispatcher closes. */
  cancel(reason: Failure): void {
    this.course.fail(reason, this.parts.nowMs());
  }

  send(attempt: Attempt, leftMs: number): void {
    const { flight } = attempt;
    const { body, large } = this.request;
    const mux = this.muxOf(attempt);
    attempt.token = mux.expect((message, step) => this.heard(attempt, new Answer(message), step));
    const itinerary = linesOf(flight);
    const more = itinerary + (large?.lineOn(this.bodiesOf(attempt)) ?? '');
    mux.send(
      subjects.run(flight.replica.id),
      large ? large.beginning : body.bytes,
      tokenOf(flight, attempt.token),
      attemptHeaders(this.request, leftMs, this.course.attempts.length, more),
      itinerary.length,
    );
  }

  landed({ flight, kind, label }: Attempt, end: FlightEnd, now: number): void {
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

  callOff(attempt: Attempt): void {
    this.muxOf(attempt).cancel(attempt.flight.replica.id, tokenOf(attempt.flight, attempt.token));
  }

  close(attempt: Attempt): void {
    this.muxOf(attempt).close(attempt.token);
  }

  fetchedAtMs(attempt: Attempt): number {
    return this.request.large?.fetchedAtMs(this.bodiesOf(attempt)) ?? -NEVER;
  }

  over(why: Failure | undefined, now: number): void {
    this.letGo?.();
    this.fetching?.abort();
    this.parts.ended(this);
    const { attempts, evidence, startedAt } = this.course;
    const code = why?.code ?? 'OK';
    evidence?.over(code, now - startedAt);
    this.parts.observer.callEnded?.({
      endpoint: this.request.endpoint,
      label: attempts.at(-1)?.label ?? '',
      shard: attempts.at(-1)?.flight.replica.shard ?? '',
      code,
      latencyMs: now - startedAt,
      attempts: attempts.length,
    });
    if (why) this.reject(why);
    else this.resolve(this.result as DispatchResult);
  }

  private heard(attempt: Attempt, answer: Answer, step: number): void {
    if (this.course.state === 'over') return;
    const now = this.parts.nowMs();
    const { flight } = attempt;
    if (flight instanceof Journey && this.onTheWay(attempt, flight, answer, step, now)) return;
    if (answer.nobody)
      return this.course.failed(attempt, 'unreachable', gone(flight, 'does not answer any more'), now);
    const trouble = answer.failure;
    if (trouble) {
      const end = trouble.retryable ? (isOverload(trouble.code) ? 'full' : 'failed') : undefined;
      this.course.failed(attempt, end ?? (trouble.code === 'INTERNAL' ? 'failed' : 'refused'), trouble, now);
    } else if (answer.reference === '') this.succeed(attempt, answer, answer.bytes);
    else void this.fetch(attempt, answer);
  }

  /** The answer is larger than a message: the engine holds it. An engine that goes away with it has not answered. */
  private async fetch(attempt: Attempt, answer: Answer): Promise<void> {
    attempt.settled = true;
    this.course.extend(attempt, NEVER); // it lives, and the transfer ends by itself
    this.fetching ??= new AbortController();
    try {
      const reference = readReference(answer.reference);
      if (reference.kind !== 'chunks')
        throw failure('INTERNAL', 'The answer lies where nobody asked for it.');
      const bytes = await this.bodiesOf(attempt).fetcher.fetch(reference, answer.bytes, {
        untilMs: this.course.deadlineAt,
        silentMsMax: NEVER,
        last: true,
        signal: this.fetching.signal,
      });
      if (this.course.state !== 'over') this.succeed(attempt, answer, bytes);
    } catch (error) {
      const why = toFailure(error);
      const now = this.parts.nowMs();
      if (why.code === 'BODY_LOST') this.course.failed(attempt, 'abandoned', why, now);
      else if (why.code === 'DEADLINE') this.course.wake(now);
      else this.course.fail(why, now);
    }
  }

  /** True for what is no answer: a step of a pipeline is done, or trouble comes from a step that has no say. */
  private onTheWay(attempt: Attempt, journey: Journey, answer: Answer, step: number, now: number): boolean {
    const { passed } = answer;
    if (passed === undefined) journey.reached(step, now);
    else this.course.passed(attempt, journey, step, passed, now);
    return passed !== undefined || (attempt.open && !journey.isAt(step));
  }

  private succeed(attempt: Attempt, answer: Answer, bytes: Uint8Array): void {
    const replica = answer.replica || attempt.flight.replica.id;
    this.result = {
      bytes,
      jsonLength: answer.jsonLength,
      replica,
      attempts: this.course.attempts.length,
      requestId: this.request.requestId,
      arm: attempt.arm,
      cached: answer.cached,
      headers: () => answer.headers(),
    };
    this.course.answered(attempt, 'succeeded', replica, this.parts.nowMs());
  }

  private muxOf({ flight }: Attempt): Mux {
    return this.parts.muxes[flight.link] as Mux;
  }

  private bodiesOf({ flight }: Attempt): LargeBodies {
    return this.parts.bodies[flight.link] as LargeBodies;
  }
}

export const callerGone = (signal: AbortSignal): Failure =>
  failure('UNAVAILABLE', 'The caller gave up.', {}, signal.reason);
