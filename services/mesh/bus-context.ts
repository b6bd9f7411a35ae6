// What a handler may know of the message it answers: `@Ctx() context: BusContext`.
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { DEFAULT_TIMEOUT_MS, headers, TIMEOUT_MS_MAX } from '../../contracts/headers.js';
import type { Clock } from './clock.js';

export class BusContext {
  private readonly arrivedMs: number;

  constructor(
    private readonly message: Msg,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    /** Aborts when the caller's deadline has passed or the process is leaving. */
    readonly signal: AbortSignal,
    readonly timeoutMs: number,
  ) {
    this.arrivedMs = clock.monotonicMs();
  }

  get subject(): string {
    return this.message.subject;
  }

  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /** The body as it came. */
  get raw(): Uint8Array {
    return this.message.data;
  }

  get requestId(): string | undefined {
    return this.message.headers?.get(headers.requestId) || undefined;
  }

  /** What the caller's deadline leaves; never below 0. */
  leftMs(): number {
    return Math.max(0, this.timeoutMs - this.elapsedMs());
  }

  elapsedMs(): number {
    return this.clock.monotonicMs() - this.arrivedMs;
  }
}

/** The milliseconds a message gives: its header when that is a number, else the default, and never more than the limit. */
export function timeoutOf(given: MsgHdrs | undefined): number {
  const text = given?.get(headers.timeoutMs);
  const asked = text ? Number(text) : Number.NaN;
  return Number.isFinite(asked) ? Math.min(asked, TIMEOUT_MS_MAX) : DEFAULT_TIMEOUT_MS;
}
