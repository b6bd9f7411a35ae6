// Bodies that this process holds for others to fetch in chunks, each under a subject of an inbox of its own. It keeps no account of
// who fetched what: a chunk is an answer to a request for it, so a lost one is asked for again and two may fetch the same body.
import { randomBytes } from 'node:crypto';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { failure } from '../../../contracts/errors.js';
import { type BodyReference, DONE, readRange } from '../../../contracts/large-body.js';
import { isInbox } from '../../../contracts/subjects.js';
import { inboxOf } from '../bus-key.js';
import type { Clock } from '../clock.js';
import { errorReply } from '../error-reply.js';

export interface Offer {
  readonly reference: BodyReference & { readonly kind: 'chunks' };
  /** When somebody last fetched from it, on the monotonic clock; long ago when nobody did yet. */
  readonly fetchedAtMs: number;
  close(): void;
}

interface Held {
  readonly bytes: Uint8Array;
  readonly untilMs: number;
  fetchedAtMs: number;
}

const SWEEP_MS = 500;
/** What is being fetched is not taken away because a link is slow. */
const IDLE_MS = 5_000;

export class BodyOffers {
  private readonly prefix: string;
  private readonly held = new Map<string, Held>();
  private subscription: Subscription | undefined;
  private stopSweep: (() => void) | undefined;
  private bytes = 0;

  constructor(
    private readonly nc: NatsConnection,
    private readonly clock: Pick<Clock, 'monotonicMs' | 'every'>,
  ) {
    this.prefix = inboxOf(nc);
  }

  /** Of all that is offered. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** Open until it is closed, until who fetched it says so, or from `untilMs` of the monotonic clock on when nobody fetches. */
  offer(bytes: Uint8Array, sha256: string, untilMs: number): Offer {
    this.listen();
    // Who knows one body's subject must not guess its neighbour's.
    const token = randomBytes(12).toString('hex');
    const held: Held = { bytes, untilMs, fetchedAtMs: -IDLE_MS };
    this.held.set(token, held);
    this.bytes += bytes.length;
    this.stopSweep ??= this.clock.every(SWEEP_MS, () => this.sweep());
    return {
      reference: { kind: 'chunks', bytes: bytes.length, sha256, from: `${this.prefix}.${token}` },
      get fetchedAtMs() {
        return held.fetchedAtMs;
      },
      close: () => this.drop(token),
    };
  }

  close(): void {
    for (const token of this.held.keys()) this.drop(token);
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private listen(): void {
    this.subscription ??= this.nc.subscribe(`${this.prefix}.*`, {
      callback: (error, message) => {
        if (!error) this.asked(message.subject.slice(this.prefix.length + 1), message);
      },
    });
  }

  private asked(token: string, { data, reply }: Msg): void {
    const text = Buffer.from(data).toString('latin1');
    if (text === DONE) return this.drop(token);
    if (reply === undefined || !isInbox(reply)) return;
    const held = this.held.get(token);
    const range = readRange(text);
    if (!held || !range || range.offset + range.length > held.bytes.length) {
      const gone = errorReply(failure('BODY_LOST', 'There is no such part of a body here any more.'));
      return this.answer(reply, gone.data, { headers: gone.headers });
    }
    held.fetchedAtMs = this.clock.monotonicMs();
    this.answer(reply, held.bytes.subarray(range.offset, range.offset + range.length));
  }

  private answer(reply: string, data: Uint8Array, options = {}): void {
    try {
      this.nc.publish(reply, data, options);
    } catch {
      // Closed, or a range above what a message carries: whoever asked hears nothing more and gives up.
    }
  }

  private drop(token: string): void {
    const held = this.held.get(token);
    if (!held) return;
    this.held.delete(token);
    this.bytes -= held.bytes.length;
    if (this.held.size > 0) return;
    this.stopSweep?.();
    this.stopSweep = undefined;
  }

  private sweep(): void {
    const now = this.clock.monotonicMs();
    for (const [token, { untilMs, fetchedAtMs }] of this.held)
      if (now >= untilMs && now >= fetchedAtMs + IDLE_MS) this.drop(token);
  }
}
