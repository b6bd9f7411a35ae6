// Fetches bodies that others hold, several at once and in turn, with a bound on what is under way at any time: what is asked for and
// not read yet lies in the server, which drops a connection that lets 64 MiB lie there. Engines, gateway and client use it.
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import { type ChunkRange, DONE, tooLarge, writeRange } from '../../../contracts/large-body.js';
import { Answer } from '../answer.js';
import { BodyTransfer, type ChunkReference } from './body-transfer.js';
import { inboxOf } from '../bus-key.js';
import type { Clock } from '../clock.js';

export interface FetchLimits {
  /** Of one body. */
  readonly bodyMaxBytes: number;
  /** Of all that are on their way; the next one is told 503. */
  readonly heldMaxBytes: number;
}

export interface FetchOptions {
  readonly untilMs: number;
  readonly silentMsMax?: number;
  /** Nobody else fetches it: the holder is told that it may forget it. */
  readonly last?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Fetch {
  readonly transfer: BodyTransfer;
  readonly done: (body: Buffer) => void;
  readonly fail: (why: Failure) => void;
}

/** Half a MiB: copying and hashing one takes less than a millisecond, and others have their turn in between. */
export const CHUNK_BYTES = 524_288;
/** Asked for at once, for one body and for all of them: beyond this nothing gets faster, and the server holds what we do not read. */
const OPEN_MAX = 8;
const OPEN_ALL_MAX = 32;
const SILENT_MS_MAX = 5_000;
const SWEEP_MS = 50;
const HELD_UP_MS = 50;
const HEADER_BYTES_MAX = 1_024;

export class BodyFetcher {
  private readonly prefix: string;
  private readonly fetches = new Map<string, Fetch>();
  private subscription: Subscription | undefined;
  private stopSweep: (() => void) | undefined;
  private sweptMs = 0;
  private tokens = 0;
  private open = 0;
  private bytes = 0;

  constructor(
    private readonly nc: NatsConnection,
    private readonly clock: Pick<Clock, 'monotonicMs' | 'every'>,
    private readonly limits: FetchLimits,
  ) {
    this.prefix = inboxOf(nc);
  }

  /** Of the bodies on their way. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** The whole body with its digest checked. Rejects with TOO_LARGE, MAILBOX_FULL, BODY_LOST, BODY_DAMAGED or DEADLINE. */
  async fetch(reference: ChunkReference, beginning: Uint8Array, options: FetchOptions): Promise<Buffer> {
    this.checkRoom(reference.bytes);
    const { untilMs, silentMsMax = SILENT_MS_MAX, last = false, signal } = options;
    signal?.throwIfAborted();
    const nowMs = this.clock.monotonicMs();
    const chunkBytes = Math.min(CHUNK_BYTES, (this.nc.info?.max_payload ?? CHUNK_BYTES) - HEADER_BYTES_MAX);
    const transfer = new BodyTransfer({ reference, beginning, chunkBytes, untilMs, silentMsMax, nowMs });
    const whole = transfer.whole();
    if (whole) return whole;
    this.listen();
    const token = String(++this.tokens);
    this.bytes += reference.bytes;
    let letGo = (): void => undefined;
    try {
      return await new Promise<Buffer>((done, fail) => {
        this.fetches.set(token, { transfer, done, fail });
        const aborted = (): void => fail(toFailure(signal?.reason));
        signal?.addEventListener('abort', aborted, { once: true });
        letGo = () => signal?.removeEventListener('abort', aborted);
        this.pump();
      });
    } finally {
      letGo();
      this.end(token, transfer);
      if (last) this.publish(reference.from, DONE);
    }
  }

  close(): void {
    const closing = failure('UNAVAILABLE', 'The connection is being closed.');
    for (const { fail } of this.fetches.values()) fail(closing);
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private checkRoom(bytes: number): void {
    const { bodyMaxBytes, heldMaxBytes } = this.limits;
    if (bytes > bodyMaxBytes) throw tooLarge('body', bytes, bodyMaxBytes);
    // An empty house takes any guest.
    if (this.bytes > 0 && this.bytes + bytes > heldMaxBytes)
      throw failure('MAILBOX_FULL', `Bodies of ${this.bytes} bytes are on their way here already.`, {
        heldMaxBytes,
      });
  }

  private listen(): void {
    this.subscription ??= this.nc.subscribe(`${this.prefix}.*.*`, {
      callback: (error, message) => {
        if (!error) this.heard(message);
      },
    });
    if (this.stopSweep) return;
    this.sweptMs = this.clock.monotonicMs();
    this.stopSweep = this.clock.every(SWEEP_MS, () => this.sweep());
  }

  private heard(message: Msg): void {
    const [token = '', seq = ''] = message.subject.slice(this.prefix.length + 1).split('.');
    const fetch = this.fetches.get(token);
    if (!fetch) return;
    const { transfer, done, fail } = fetch;
    const before = transfer.open;
    let body: Buffer | undefined;
    try {
      const answer = new Answer(message);
      if (answer.nobody) throw transfer.gone('went away');
      const trouble = answer.failure;
      if (trouble) throw trouble;
      body = transfer.chunk(Number(seq), message.data, this.clock.monotonicMs());
    } catch (error) {
      fail(toFailure(error));
    }
    this.open -= before - transfer.open;
    if (body) done(body);
    else this.pump();
  }

  /** One chunk for each in turn, as long as there is room. */
  private pump(): void {
    for (let asked = true; asked;) {
      asked = false;
      for (const [token, { transfer }] of this.fetches) {
        if (this.open >= OPEN_ALL_MAX) return;
        if (transfer.open >= OPEN_MAX) continue;
        const next = transfer.take();
        if (!next) continue;
        this.ask(token, transfer, next);
        asked = true;
      }
    }
  }

  private ask(token: string, { reference }: BodyTransfer, next: ChunkRange & { seq: number }): void {
    this.open++;
    this.publish(reference.from, writeRange(next), `${this.prefix}.${token}.${next.seq}`);
  }

  private publish(subject: string, text: string, reply?: string): void {
    try {
      this.nc.publish(subject, text, reply === undefined ? {} : { reply });
    } catch {
      // Closed: silence will say so.
    }
  }

  private end(token: string, transfer: BodyTransfer): void {
    this.fetches.delete(token);
    this.open -= transfer.open;
    this.bytes -= transfer.reference.bytes;
    if (this.fetches.size > 0) return this.pump();
    this.stopSweep?.();
    this.stopSweep = undefined;
  }

  private sweep(): void {
    const now = this.clock.monotonicMs();
    const heldUpMs = now - this.sweptMs - SWEEP_MS;
    this.sweptMs = now;
    for (const [token, { transfer, fail }] of this.fetches) {
      if (heldUpMs > HELD_UP_MS) transfer.forgive(heldUpMs);
      try {
        const probe = transfer.turn(now);
        if (probe) this.ask(token, transfer, probe);
      } catch (error) {
        fail(toFailure(error));
      }
    }
  }
}
