// Calls through the routers: any region's, nearest first. A router may die with a request in its hands and nobody says so;
// after some silence the same request (same id) also goes to the next region, and the first answer wins.
import { type Failure, failure } from '../contracts/errors.js';
import { DEFAULT_TIMEOUT_MS } from '../contracts/headers.js';
import type { Body } from '../contracts/infer-body.js';
import { BODY_BYTES_MAX } from '../contracts/large-body.js';
import { backoffMs, RETRY_BACKOFF } from '../services/mesh/backoff.js';
import type { Bus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';
import { deadlineIn } from '../services/mesh/deadline.js';
import { LargeBodies, messageBytesMax, OutgoingBody } from '../services/mesh/bodies/large-bodies.js';
import type { Random } from '../services/mesh/random.js';
import { RetryBudget } from '../services/mesh/retry-budget.js';
import type { Answer, Caller, CallOptions } from './caller.js';
import type { Connections } from './connections.js';
import { attemptRouted, type Outcome, type RoutedCall } from './routed-attempt.js';

/** The router retries on its own; silence of this share of the deadline says that it is gone itself. */
const PATIENCE = 0.25;
const PATIENCE_MIN_MS = 250;

export class RoutedCaller implements Caller {
  private readonly budget: RetryBudget;
  private readonly underWay = new Set<AbortController>();
  private readonly bodies = new Map<Bus, LargeBodies>();

  constructor(
    private readonly connections: Connections,
    private readonly clock: Clock,
    private readonly random: Random,
    /** False in control runs, which show what is lost without. */
    private readonly retries = true,
    /** Of one request and of one answer. */
    private readonly bodyMaxBytes = BODY_BYTES_MAX,
  ) {
    this.budget = new RetryBudget(clock);
  }

  async infer(endpoint: string, body: Body, options: CallOptions): Promise<Answer> {
    const { signal } = options;
    const giveUp = new AbortController();
    const gone = (): void => giveUp.abort(signal?.reason);
    if (signal?.aborted) gone();
    signal?.addEventListener('abort', gone, { once: true });
    this.underWay.add(giveUp);
    try {
      return await this.whole({ ...options, endpoint, body, large: undefined }, giveUp.signal);
    } finally {
      this.underWay.delete(giveUp);
      signal?.removeEventListener('abort', gone);
    }
  }

  /** The connections belong to the client. */
  close(): void {
    const reason = failure('UNAVAILABLE', 'The client was closed.');
    for (const call of this.underWay) call.abort(reason);
    for (const bodies of this.bodies.values()) bodies.close();
  }

  /** A body that no message carries stays here, and engines fetch it; making its digest counts as time of the call. */
  private async whole(call: RoutedCall, signal: AbortSignal): Promise<Answer> {
    const { body, timeoutMs = DEFAULT_TIMEOUT_MS } = call;
    const carried = Math.min(...this.connections.connected().map(({ nc }) => messageBytesMax(nc)));
    if (body.bytes.length <= carried) return this.call(call, signal);
    const startedMs = this.clock.monotonicMs();
    const large = await OutgoingBody.of(body, this.bodyMaxBytes, startedMs + timeoutMs, signal);
    try {
      const leftMs = timeoutMs - (this.clock.monotonicMs() - startedMs);
      return await this.call({ ...call, large, timeoutMs: leftMs }, signal);
    } finally {
      large.close();
    }
  }

  private bodiesOf(bus: Bus): LargeBodies {
    let bodies = this.bodies.get(bus);
    if (!bodies) {
      const limits = { bodyMaxBytes: this.bodyMaxBytes, heldMaxBytes: 2 * this.bodyMaxBytes };
      bodies = new LargeBodies(bus.nc, this.clock, limits);
      this.bodies.set(bus, bodies);
    }
    return bodies;
  }

  private async call(call: RoutedCall, signal: AbortSignal): Promise<Answer> {
    const over = new AbortController();
    try {
      return await this.tries(call, signal, over.signal);
    } finally {
      over.abort();
    }
  }

  private async tries(call: RoutedCall, signal: AbortSignal, over: AbortSignal): Promise<Answer> {
    const { endpoint, timeoutMs = DEFAULT_TIMEOUT_MS } = call;
    const deadline = deadlineIn(this.clock, timeoutMs);
    const untilMs = this.clock.monotonicMs() + timeoutMs;
    // A first step must not begin in two regions: silence is waited out.
    const patienceMs = call.sequence ? timeoutMs : Math.max(PATIENCE_MIN_MS, timeoutMs * PATIENCE);
    const open = new Set<Promise<Outcome>>();
    let last: { why: Failure; heard: boolean } | undefined;
    let sent = 0;
    this.budget.request();
    for (let turn = 0; !deadline.expired(); turn++) {
      signal.throwIfAborted();
      const bus = this.choose(turn);
      const done = bus && this.admit(sent, last?.heard ?? true);
      if (bus && done) {
        const attempt = attemptRouted(bus, call, deadline.leftMs(), ++sent, {
          bodies: this.bodiesOf(bus),
          untilMs,
          over,
        }).finally(() => {
          open.delete(attempt);
          done();
        });
        open.add(attempt);
      }
      const outcome = await this.first(open, Math.min(patienceMs, deadline.leftMs()), signal);
      if (outcome?.kind === 'answer') return outcome.answer;
      if (outcome && !(outcome.why.retryable && this.retries)) throw outcome.why;
      last = outcome ?? last;
      // Somebody said no for want of room, and the budget says that others try again already.
      if (open.size === 0 && !done && last?.why.code === 'MAILBOX_FULL') throw last.why;
      // Silence was waiting enough; a refusal came at once.
      if (outcome || open.size === 0) {
        const askedMs = outcome?.why.retryAfterMs ?? 0;
        if (askedMs > deadline.leftMs()) throw last?.why;
        const backOffMs = Math.max(backoffMs(turn, RETRY_BACKOFF, this.random), askedMs);
        const waitMs = Math.min(backOffMs, Math.max(0, deadline.leftMs()));
        await this.clock.sleep(waitMs, signal);
      }
    }
    throw failure('DEADLINE', `No answer of ${endpoint} within ${timeoutMs} ms.`, { endpoint }, last?.why);
  }

  private choose(turn: number): Bus | undefined {
    const there = this.connections.connected();
    return there[turn % Math.max(1, there.length)];
  }

  /** What to call when the attempt has ended, or undefined when none may be made now. */
  private admit(sent: number, heard: boolean): (() => void) | undefined {
    const nothing = () => undefined;
    if (sent === 0) return nothing;
    if (!this.retries) return undefined;
    // Where nobody heard the last one, another costs the mesh nothing: the budget is for those who do work.
    if (!heard) return nothing;
    return this.budget.take() ? () => this.budget.done() : undefined;
  }

  /** The first of the open attempts to end, or undefined after that much silence. */
  private first(
    open: ReadonlySet<Promise<Outcome>>,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    if (open.size === 0) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const tidy = (): void => {
        cancel();
        signal.removeEventListener('abort', aborted);
      };
      const end = (outcome: Outcome | undefined): void => {
        tidy();
        resolve(outcome);
      };
      const aborted = (): void => {
        tidy();
        reject(signal.reason as Error);
      };
      const cancel = this.clock.after(Math.max(0, waitMs), () => end(undefined));
      signal.addEventListener('abort', aborted, { once: true });
      void Promise.race(open).then(end); // attempts never reject
    });
  }
}
