// Nest's door to the bus, for control messages: `@MessagePattern(subjects.registry('push'), { queue: queues.registry })` with
// `@Payload({ schema })`. JSON both ways, raw bytes where a handler asks for them or returns them. A message meets, in this
// order: capacity, deadline, handler; whatever fails goes home in the headers that failureIn reads. start.ts makes the one.
import { type MessageHandler, Server } from '@nestjs/microservices';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { firstValueFrom, isObservable } from 'rxjs';
import { type Failure, failure } from '../../contracts/errors.js';
import type { Bus } from './bus.js';
import { BusContext, timeoutOf } from './bus-context.js';
import type { Clock } from './clock.js';
import { type Endpoint, type Endpoints, endpointName, serviceOfSubject } from './endpoints.js';
import { errorReply } from './error-reply.js';
import { asFailure } from './failure-filter.js';
import { errorFields, type Log } from './log.js';

/** The second argument of @MessagePattern. */
export interface BusExtras {
  /** One member of the group answers; `q` when not given. False: every process answers. */
  readonly queue?: string | false;
  /** The handler takes the bytes as they came, as a Uint8Array. */
  readonly raw?: boolean;
  /** How many of these may be in work at once; above it the answer is MAILBOX_FULL. */
  readonly capacity?: number;
}

export interface BusTransportParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly endpoints: Endpoints;
  /** What `{region}` and `{instance}` in a pattern stand for: a decorator cannot know them. */
  readonly names: Readonly<Record<string, string>>;
}

// The queue group that the NATS services protocol proposes.
const QUEUE_DEFAULT = 'q';
const CAPACITY_DEFAULT = 64;
// Leaving waits this long for answers under way; a caller that waited so long tries elsewhere anyway.
const CLOSE_MS_MAX = 3_000;

export class BusTransport extends Server {
  private readonly subscriptions: Subscription[] = [];
  private readonly inFlight = new Set<Promise<void>>();
  private readonly deadlines = new Set<AbortController>();

  constructor(private readonly parts: BusTransportParts) {
    super();
  }

  listen(ready: (error?: unknown) => void): void {
    for (const [pattern, handler] of this.messageHandlers) this.subscribe(pattern, handler);
    // Ready means reachable: without the flush a request sent right after may still meet no responders.
    this.parts.bus.nc.flush().then(() => ready(), ready);
  }

  async close(): Promise<void> {
    const { bus, clock } = this.parts;
    if (bus.connected())
      await Promise.all(this.subscriptions.map((one) => one.drain().catch(() => undefined)));
    const late = new AbortController();
    await Promise.race([
      Promise.allSettled(this.inFlight),
      clock.sleep(CLOSE_MS_MAX, late.signal).catch(() => undefined),
    ]);
    late.abort();
    for (const one of this.deadlines) one.abort(failure('UNAVAILABLE', 'The process is leaving.'));
    await Promise.allSettled(this.inFlight);
    if (bus.connected()) await bus.nc.flush().catch(() => undefined);
  }

  on(): void {
    // Nothing is emitted: the state of the connection is the bus's to tell.
  }

  unwrap<T>(): T {
    return this.parts.bus.nc satisfies NatsConnection as T;
  }

  private subscribe(pattern: string, handler: MessageHandler): void {
    const { bus, endpoints, names } = this.parts;
    const subject = pattern.replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole);
    const { queue = QUEUE_DEFAULT, raw = false, capacity = CAPACITY_DEFAULT } = extrasOf(handler);
    const group = queue === false ? undefined : queue;
    const endpoint = endpoints.add(serviceOfSubject(subject, endpoints.services), {
      name: endpointName(subject),
      subject,
      queue: group,
    });
    let busy = 0;
    const subscription = bus.nc.subscribe(subject, {
      ...(group === undefined ? {} : { queue: group }),
      callback: (error, message) => {
        if (error) return this.parts.log.error('subscription.failed', { subject, ...errorFields(error) });
        const full =
          busy >= capacity
            ? failure('MAILBOX_FULL', `${subject} has ${capacity} requests in work.`, { subject, capacity })
            : undefined;
        busy++;
        const work = this.answer(message, handler, endpoint, raw, full).finally(() => {
          busy--;
          this.inFlight.delete(work);
        });
        this.inFlight.add(work);
      },
    });
    this.subscriptions.push(subscription);
  }

  private async answer(
    message: Msg,
    handler: MessageHandler,
    endpoint: Endpoint,
    raw: boolean,
    full: Failure | undefined,
  ): Promise<void> {
    const { clock, log } = this.parts;
    const timeoutMs = timeoutOf(message.headers);
    const late = new AbortController();
    this.deadlines.add(late);
    const context = new BusContext(message, clock, late.signal, timeoutMs);
    const cancel = clock.after(Math.max(0, timeoutMs), () =>
      late.abort(failure('DEADLINE', `${message.subject} had ${timeoutMs} ms and was not done.`)),
    );
    try {
      if (full) throw full;
      if (timeoutMs <= 0) throw failure('DEADLINE', 'The caller has given up already.');
      const data = raw ? message.data : parseJson(message);
      const result = await Promise.race([resolved(handler, data, context), aborted(late.signal)]);
      message.respond(bytesOf(result));
      endpoint.answered(context.elapsedMs());
    } catch (error) {
      const known = asFailure(error);
      endpoint.refused(context.elapsedMs(), known.message);
      const reply = errorReply(known);
      try {
        message.respond(reply.data, { headers: reply.headers });
      } catch (closed) {
        // The connection went away meanwhile; the caller finds out by itself.
        log.warn('reply.lost', { subject: message.subject, ...errorFields(closed) });
      }
    } finally {
      cancel();
      this.deadlines.delete(late);
    }
  }
}

function extrasOf(handler: MessageHandler): BusExtras {
  return (handler.extras ?? {}) as BusExtras;
}

/** Nest gives an observable, a promise, or a promise of an observable. */
async function resolved(handler: MessageHandler, data: unknown, context: BusContext): Promise<unknown> {
  const result: unknown = await handler(data, context);
  return isObservable(result) ? firstValueFrom(result, { defaultValue: undefined }) : result;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** An empty body is an empty object: `nats req massif.status` needs no quotes. */
function parseJson(message: Msg): unknown {
  if (message.data.length === 0) return {};
  try {
    return message.json();
  } catch (error) {
    throw failure('BAD_REQUEST', `The body on ${message.subject} is not JSON.`, {}, error);
  }
}

function bytesOf(result: unknown): Uint8Array | string {
  if (result instanceof Uint8Array) return result;
  return result === undefined ? '{}' : JSON.stringify(result);
}
