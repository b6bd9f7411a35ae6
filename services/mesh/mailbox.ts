// A queue with an end, in messages and in bytes: full is an answer, not a longer wait. Actors take from one; nothing else queues
// without a bound either.
import { failure } from '../../contracts/errors.js';

export interface MailboxLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

export const MAILBOX_LIMITS: MailboxLimits = { messagesMax: 1_000, bytesMax: 16 * 1024 * 1024 };

interface Slot<T> {
  readonly item: T;
  readonly bytes: number;
}

// Taken slots are dropped in one go when they are this many: shifting each would move all the others.
const TAKEN_MAX = 256;

export class Mailbox<T> {
  private slots: (Slot<T> | undefined)[] = [];
  private head = 0;
  private heldBytes = 0;

  constructor(
    /** For the sentence: whose it is. */
    private readonly owner: string,
    private readonly limits: MailboxLimits = MAILBOX_LIMITS,
  ) {}

  get depth(): number {
    return this.slots.length - this.head;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** Throws MAILBOX_FULL. */
  put(item: T, bytes = 0): void {
    const { messagesMax, bytesMax } = this.limits;
    const { owner, depth } = this;
    if (depth >= messagesMax)
      throw failure('MAILBOX_FULL', `${owner} has ${depth} messages waiting.`, { owner, depth });
    // A single message above the limit would never fit, so an empty mailbox takes it.
    if (this.heldBytes + bytes > bytesMax && depth > 0)
      throw failure('MAILBOX_FULL', `${owner} has ${this.heldBytes} bytes waiting.`, { owner, depth });
    this.slots.push({ item, bytes });
    this.heldBytes += bytes;
  }

  take(): T | undefined {
    const slot = this.slots[this.head];
    if (!slot) return undefined;
    this.slots[this.head++] = undefined;
    this.heldBytes -= slot.bytes;
    if (this.head >= TAKEN_MAX) {
      this.slots = this.slots.slice(this.head);
      this.head = 0;
    }
    return slot.item;
  }
}
