// A limit on work in flight: beyond it the answer is MAILBOX_FULL at once, instead of a queue that only grows.
import assert from 'node:assert';
import { failure } from '../../contracts/errors.js';
import type { Policy } from './stack.js';

export class Limit {
  private held = 0;

  constructor(readonly max: number) {
    assert(max >= 1, 'a limit below one would admit nothing');
  }

  get inFlight(): number {
    return this.held;
  }

  /** False when full; who gets true must leave(). */
  enter(): boolean {
    if (this.held >= this.max) return false;
    this.held++;
    return true;
  }

  leave(): void {
    assert(this.held > 0, 'left more often than entered');
    this.held--;
  }
}

export const shed =
  (limit: Limit): Policy =>
  (next) =>
  async (request, signal) => {
    if (!limit.enter())
      throw failure('MAILBOX_FULL', `${limit.max} requests are in flight already.`, { max: limit.max });
    try {
      return await next(request, signal);
    } finally {
      limit.leave();
    }
  };
