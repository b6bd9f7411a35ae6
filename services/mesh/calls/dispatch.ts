// Calls replicas directly: caller to engine, no hop between. The client library and the gateway use it. Retries, time-outs and
// breakers are here, so a caller sees one promise that ends by its deadline.
import { nuid } from '@nats-io/transport-node';
import type { Body } from '../../../contracts/body-tensors.js';
import { failure } from '../../../contracts/errors.js';
import type { PipelineRecord } from '../../../contracts/pipeline.js';
import { DEFAULT_TIMEOUT_MS } from '../../../contracts/headers.js';
import { BODY_BYTES_MAX } from '../../../contracts/large-body.js';
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import { Call, callerGone, type CallParts, type CallRequest, type DispatchResult } from './dispatch-call.js';
import type { DispatchObserver } from './dispatch-observer.js';
import { DISPATCHER_RULES } from './call-rules.js';
import { HedgeDelays } from './hedge-delay.js';
import { LargeBodies, messageBytesMax, OutgoingBody } from '../bodies/large-bodies.js';
import type { EvidenceBook } from '../evidence/book.js';
import { joinAnswers, microBatches } from './micro-batches.js';
import { Mux } from './mux.js';
import type { Random } from '../random.js';
import { repeatLines } from './repeat-lines.js';
import { HEDGES, RetryBudget } from '../retry-budget.js';
import { ShadowMirror } from './shadow-mirror.js';
import type { RouteView } from '../routing/route-view.js';
import { WaitingRoom } from './waiting-room.js';

export type { DispatchResult } from './dispatch-call.js';

export interface DispatcherOptions {
  /** The same, in the same order, as the view's. */
  readonly buses: readonly Bus[];
  readonly view: RouteView;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer?: DispatchObserver;
  /** Where calls of endpoints with several arms are counted. */
  readonly evidence?: EvidenceBook;
  /** True when not given; a control run shows what is lost without. */
  readonly retries?: boolean;
  /** Of one request and of one answer: BODY_BYTES_MAX when not given. */
  readonly bodyMaxBytes?: number;
}

export interface InferOptions {
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** Key and tenant, where a door knows them. */
  readonly caller?: string | undefined;
  /** What rules go by, names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly version?: string | undefined;
  /** Without it the endpoint's own applies. */
  readonly timeoutMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly priority?: number | undefined;
  /** Counts at endpoints that keep the state of sequences; elsewhere it is a parameter like any other. */
  readonly sequence?: Sequence | undefined;
  readonly traceparent?: string | undefined;
  /** `requestId` was chosen by who asks: what comes again under it is not run again. */
  readonly once?: boolean | undefined;
  /** No kept answer is wanted, though the endpoint keeps some. */
  readonly uncached?: boolean | undefined;
  /** Rather NOT_READY at once than a wait for an endpoint that sleeps. */
  readonly failFast?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

// One sweep for all calls instead of a timer for each; time-outs are tens of milliseconds, so five more do no harm.
const SWEEP_MS = 5;
/** A sweep this late means that our own loop was held up: answers may lie unread, so nobody is blamed for the time. */
const HELD_UP_MS = 25;
/** The sweep sleeps when there was nothing to do for so many turns. */
const IDLE_SWEEPS = 200;

export class Dispatcher {
  private readonly parts: CallParts;
  private readonly calls = new Set<Call>();
  private readonly stopHearing: () => void;
  private stopSweep: (() => void) | undefined;
  private sweptAt = 0;
  private idle = 0;
  private readonly idPrefix = `${nuid.next()}.`;
  private ids = 0;
  private readonly bodyMaxBytes: number;
  private readonly mirror: ShadowMirror;
  private readonly waiting: WaitingRoom;

  constructor(private readonly options: DispatcherOptions) {
    const { buses, view, clock, random, observer = {}, retries = true } = options;
    this.bodyMaxBytes = options.bodyMaxBytes ?? BODY_BYTES_MAX;
    const limits = { bodyMaxBytes: this.bodyMaxBytes, heldMaxBytes: 2 * this.bodyMaxBytes };
    this.waiting = new WaitingRoom(buses, view.region, clock);
    this.parts = {
      view,
      muxes: buses.map((bus) => new Mux(bus)),
      bodies: buses.map(({ nc }) => new LargeBodies(nc, clock, limits)),
      budget: new RetryBudget(clock),
      hedges: new RetryBudget(clock, HEDGES),
      delays: new HedgeDelays(),
      random,
      nowMs: () => clock.monotonicMs(),
      observer,
      evidence: options.evidence,
      rules: { ...DISPATCHER_RULES, retries },
      waiting: this.waiting,
      ended: (call) => void this.calls.delete(call),
    };
    this.mirror = new ShadowMirror({ buses, view, clock, random, observer, evidence: options.evidence });
    this.stopHearing = view.onUsable(() => this.hurry());
  }

  get inFlight(): number {
    return this.calls.size;
  }

  /** Ends by its deadline, with an answer or with a Failure. */
  infer(endpoint: string, body: Body, options: InferOptions = {}): Promise<DispatchResult> {
    const { view } = this.options;
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(callerGone(signal));
    const requestId = options.requestId ?? this.idPrefix + (++this.ids).toString(36);
    const known = view.endpoint(endpoint);
    const timeoutMs = options.timeoutMs ?? known?.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const { once = false, uncached = false } = options;
    const repeats = repeatLines({ once, uncached }, known?.cacheS);
    const { user, tenant, headers, version, priority, traceparent, caller } = options;
    const sequence = view.keepsState(endpoint) ? options.sequence : undefined;
    const who = { user, tenant, headers, version };
    const request = {
      endpoint,
      body,
      ...who,
      requestId,
      timeoutMs,
      priority,
      sequence,
      traceparent,
      caller,
      repeats,
      failFast: options.failFast,
    };
    const pipeline = known === undefined ? view.pipeline(endpoint) : undefined;
    if (pipeline?.microBatch !== undefined) return this.inferRows(pipeline, request, signal);
    if (body.bytes.length > this.messageBytesMax()) return this.inferLarge(request, signal);
    const answer = this.call(request, signal);
    if (view.endpoint(endpoint)?.shadow) this.shadow(request, answer);
    return answer;
  }

  /** Ends all calls; the connections and the view are their owner's to close. */
  close(): void {
    this.stopHearing();
    this.stopSweep?.();
    for (const call of this.calls) call.cancel(failure('UNAVAILABLE', 'The dispatcher closes.'));
    this.waiting.close();
    for (const bodies of this.parts.bodies) bodies.close();
  }

  /** The real one is out by now; the caller gets its answer, whatever becomes of the copy. */
  private shadow(request: CallRequest, answer: Promise<DispatchResult>): void {
    const startedMs = this.parts.nowMs();
    const pair = this.mirror.offer(request);
    if (!pair) return;
    answer.then(
      ({ bytes, jsonLength }) => pair.real({ bytes, jsonLength, latencyMs: this.parts.nowMs() - startedMs }),
      () => pair.real(undefined),
    );
  }

  /** Rows of a pipeline of stages, so many at a time, one behind the other; the first that fails calls the others off. */
  private async inferRows(
    pipeline: PipelineRecord,
    request: CallRequest,
    signal: AbortSignal | undefined,
  ): Promise<DispatchResult> {
    const parts = microBatches(pipeline, request.body);
    if (parts === undefined) return this.whole(request, signal);
    const { requestId } = request;
    const over = new AbortController();
    const ends = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    try {
      const answers = await Promise.all(
        parts.bodies.map((body, i) =>
          this.whole({ ...request, body, requestId: `${requestId}.${i + 1}` }, ends),
        ),
      );
      const last = answers.at(-1) as DispatchResult;
      const { bytes, jsonLength } = joinAnswers(parts, answers);
      const attempts = Math.max(...answers.map((answer) => answer.attempts));
      return { ...last, bytes, jsonLength, attempts, requestId };
    } catch (error) {
      throw signal?.aborted === true ? callerGone(signal) : error;
    } finally {
      over.abort();
    }
  }

  private whole(request: CallRequest, signal: AbortSignal | undefined): Promise<DispatchResult> {
    const isLarge = request.body.bytes.length > this.messageBytesMax();
    return isLarge ? this.inferLarge(request, signal) : this.call(request, signal);
  }

  private call(request: CallRequest, signal: AbortSignal | undefined): Promise<DispatchResult> {
    return new Promise((resolve, reject) => {
      const call = new Call(this.parts, request, resolve, reject);
      if (call.course.state === 'over') return;
      this.calls.add(call);
      this.awaken();
      if (signal) call.endWith(signal);
    });
  }

  /** The body stays here and replicas fetch it; the digest is made first, and the time for that counts. */
  private async inferLarge(request: CallRequest, signal: AbortSignal | undefined): Promise<DispatchResult> {
    const { body, timeoutMs } = request;
    const untilMs = this.parts.nowMs() + timeoutMs;
    const large = await OutgoingBody.of(body, this.bodyMaxBytes, untilMs, signal).catch((error: unknown) => {
      throw signal?.aborted === true ? callerGone(signal) : error;
    });
    try {
      return await this.call({ ...request, large, timeoutMs: untilMs - this.parts.nowMs() }, signal);
    } finally {
      large.close();
    }
  }

  /** The least of our connections decides: which one a call takes is not known yet. */
  private messageBytesMax(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { nc } of this.options.buses) least = Math.min(least, messageBytesMax(nc));
    return least;
  }

  private awaken(): void {
    this.idle = 0;
    if (this.stopSweep) return;
    this.sweptAt = this.parts.nowMs();
    this.stopSweep = this.options.clock.every(SWEEP_MS, () => this.sweep());
  }

  private sweep(): void {
    const now = this.parts.nowMs();
    const heldUpMs = now - this.sweptAt - SWEEP_MS;
    this.sweptAt = now;
    if (this.calls.size === 0) {
      if (++this.idle < IDLE_SWEEPS) return;
      this.stopSweep?.();
      this.stopSweep = undefined;
      return;
    }
    if (heldUpMs > HELD_UP_MS) for (const { course } of this.calls) course.forgive(heldUpMs);
    else for (const { course } of this.calls) if (now >= course.wakeAt) course.wake(now);
  }

  /** Calls that wait for a replica need not wait out their back-off. */
  private hurry(): void {
    for (const { course } of this.calls) if (course.state === 'waiting') course.wakeAt = 0;
  }
}
