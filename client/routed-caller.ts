// Calls through the routers: any region's, nearest first. A router may die with a request in its hands and nobody says so;
// after some silence the same request (same id) also goes to the next region, and the first answer wins.
import { headers as natsHeaders, type Msg } from '@nats-io/transport-node';
import { type Failure, failure, toFailure } from '../contracts/errors.js';
import { DEFAULT_TIMEOUT_MS, headers } from '../contracts/headers.js';
import { type Body, readJsonLength } from '../contracts/infer-body.js';
import { subjects } from '../contracts/subjects.js';
import { backoffMs, RETRY_BACKOFF } from '../services/mesh/backoff.js';
import { type Bus, requestFailure } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';
import { type Deadline, deadlineIn } from '../services/mesh/deadline.js';
import { failureIn } from '../services/mesh/error-reply.js';
import type { Random } from '../services/mesh/random.js';
import { RetryBudget } from '../services/mesh/retry-budget.js';
import type { Answer, Caller, CallOptions } from './caller.js';
import type { Connections } from './connections.js';
import { checkSize } from './payload-limit.js';

/** The router retries on its own; silence of this share of the deadline says that it is gone itself. */
const PATIENCE = 0.25;
const PATIENCE_MIN_MS = 250;

type Outcome = { answer: Answer } | { failed: Failure };

export class RoutedCaller implements Caller {
  private readonly budget: RetryBudget;

  constructor(
    private readonly connections: Connections,
    private readonly clock: Clock,
    private readonly random: Random,
    /** False in control runs, which show what is lost without. */
    private readonly retries = true,
  ) {
    this.budget = new RetryBudget(clock);
  }

  async infer(endpoint: string, body: Body, options: CallOptions): Promise<Answer> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const deadline = deadlineIn(this.clock, timeoutMs);
    const patienceMs = Math.max(PATIENCE_MIN_MS, timeoutMs * PATIENCE);
    const open = new Set<Promise<Outcome>>();
    let last: Failure | undefined;
    let sent = 0;
    /** Nobody was there to hear the last attempt: trying again costs the mesh nothing, so it needs no budget. */
    let unheard = false;
    this.budget.request();
    for (let attempt = 1; !deadline.expired(); attempt++) {
      options.signal?.throwIfAborted();
      const bus = this.choose(attempt);
      const paid = sent > 0 && !unheard && this.retries && this.budget.take();
      if (bus && (sent === 0 || (unheard && this.retries) || paid)) {
        sent++;
        const call = this.attempt(bus, endpoint, body, options, deadline, sent).finally(() => {
          open.delete(call);
          if (paid) this.budget.done();
        });
        open.add(call);
      } else if (paid) this.budget.done();
      const outcome = await this.first(open, Math.min(patienceMs, deadline.leftMs()), options.signal);
      if (outcome && 'answer' in outcome) return outcome.answer;
      if (outcome && !(outcome.failed.retryable && this.retries)) throw outcome.failed;
      last = outcome?.failed ?? last;
      unheard = outcome?.failed.cause !== undefined && isNobody(outcome.failed.cause);
      // A refusal came at once, so wait a little; silence was waiting enough.
      if (outcome || open.size === 0) await this.pause(attempt, deadline, options.signal);
    }
    throw failure('DEADLINE', `No answer of ${endpoint} within ${timeoutMs} ms.`, { endpoint }, last);
  }

  close(): void {
    // The connections belong to the client.
  }

  private choose(attempt: number): Bus | undefined {
    const there = this.connections.connected();
    return there[(attempt - 1) % Math.max(1, there.length)];
  }

  private async attempt(
    bus: Bus,
    endpoint: string,
    { bytes, jsonLength }: Body,
    options: CallOptions,
    deadline: Deadline,
    attempt: number,
  ): Promise<Outcome> {
    const { requestId, user, version, priority } = options;
    const subject =
      version === undefined ? subjects.infer(endpoint) : subjects.inferVersion(endpoint, version);
    const leftMs = Math.max(1, Math.floor(deadline.leftMs()));
    const sent = natsHeaders();
    sent.set(headers.requestId, requestId);
    sent.set(headers.timeoutMs, String(leftMs));
    sent.set(headers.attempt, String(attempt));
    if (jsonLength !== undefined) sent.set(headers.jsonLength, String(jsonLength));
    if (user !== undefined) sent.set(headers.user, user);
    if (priority !== undefined) sent.set(headers.priority, String(priority));
    const lost = this.lost(bus);
    try {
      checkSize(bytes, bus);
      return read(
        await Promise.race([
          bus.nc.request(subject, bytes, { timeout: leftMs, headers: sent }),
          lost.rejects,
        ]),
      );
    } catch (error) {
      return { failed: requestFailure(subject, error) };
    } finally {
      lost.stop();
    }
  }

  /** A request on a connection that breaks would wait out its time. */
  private lost(bus: Bus): { rejects: Promise<never>; stop: () => void } {
    let stop: () => void = () => undefined;
    const rejects = new Promise<never>((_, reject) => {
      stop = bus.onStatus((state) => {
        if (state !== 'connected')
          reject(failure('UNAVAILABLE', `The connection to region ${bus.region} broke.`));
      });
    });
    return { rejects, stop: () => stop() };
  }

  /** The first of the open attempts to end, or undefined after that much silence. */
  private async first(
    open: ReadonlySet<Promise<Outcome>>,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Outcome | undefined> {
    if (open.size === 0) return undefined;
    const over = new AbortController();
    const until = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    const silence = this.clock.sleep(Math.max(0, waitMs), until).then(() => undefined);
    silence.catch(() => undefined); // its end by `over` is nobody's concern
    try {
      return await Promise.race([...open, silence]);
    } finally {
      over.abort();
    }
  }

  private async pause(attempt: number, deadline: Deadline, signal: AbortSignal | undefined): Promise<void> {
    const waitMs = Math.min(
      backoffMs(attempt - 1, RETRY_BACKOFF, this.random),
      Math.max(0, deadline.leftMs()),
    );
    await this.clock.sleep(waitMs, signal);
  }
}

function read(message: Msg): Outcome {
  const failed = failureIn(message);
  if (failed) return { failed };
  const header = (name: string): string => message.headers?.get(name) ?? '';
  try {
    const jsonLength = readJsonLength(header(headers.jsonLength), message.data.length);
    const attempts = Number(header(headers.attempts)) || 1;
    return { answer: { bytes: message.data, jsonLength, replica: header(headers.replica), attempts } };
  } catch (error) {
    return { failed: failure('INTERNAL', 'The answer cannot be read.', {}, toFailure(error)) };
  }
}
