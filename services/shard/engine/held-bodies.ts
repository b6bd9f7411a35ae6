// How many bytes of large bodies an engine holds, from the moment it begins to fetch one until its request is answered: the fetched
// wait in the queue like others, and a queue of 64 MB bodies would be the end of the process.
import { failure } from '../../../contracts/errors.js';
import { tooLarge } from '../../../contracts/large-body.js';

export interface HeldLimits {
  /** Of one body. */
  readonly bodyMaxBytes: number;
  readonly heldMaxBytes: number;
}

interface Held {
  bytes: number;
  untilMs: number;
}

/** A request that was taken back is never answered: its place is free again so long after its time. */
const FORGET_AFTER_MS = 1_000;

export class HeldBodies {
  private readonly bySender = new Map<string, Held>();
  private total = 0;

  constructor(readonly limits: HeldLimits) {}

  get bytes(): number {
    return this.total;
  }

  /** Throws TOO_LARGE and MAILBOX_FULL. */
  take(sender: string, bytes: number, untilMs: number, nowMs: number): void {
    const { bodyMaxBytes, heldMaxBytes } = this.limits;
    if (bytes > bodyMaxBytes) throw tooLarge('body', bytes, bodyMaxBytes);
    for (const [other, held] of this.bySender)
      if (nowMs >= held.untilMs + FORGET_AFTER_MS) this.release(other);
    // An empty house takes any guest.
    if (this.total > 0 && this.total + bytes > heldMaxBytes)
      throw failure('MAILBOX_FULL', `The engine holds bodies of ${this.total} bytes already.`, {
        heldMaxBytes,
      });
    const held = this.bySender.get(sender) ?? { bytes: 0, untilMs };
    held.bytes += bytes;
    held.untilMs = Math.max(held.untilMs, untilMs);
    this.bySender.set(sender, held);
    this.total += bytes;
  }

  /** Called for every answer. */
  release(sender: string): void {
    if (this.total === 0) return;
    this.total -= this.bySender.get(sender)?.bytes ?? 0;
    this.bySender.delete(sender);
  }
}
