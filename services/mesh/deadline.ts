// Refuses work whose caller has given up, and gives up with the caller. Time left travels as milliseconds, so clocks that differ
// between hosts do no harm; every hop subtracts what it held.
import { type Failure, failure } from '../../contracts/errors.js';
import type { Clock } from './clock.js';
import type { Policy } from './stack.js';

/** A moment on this process's own monotonic clock. */
export interface Deadline {
  leftMs(): number;
  expired(): boolean;
}

export function deadlineIn(clock: Clock, timeoutMs: number): Deadline {
  const at = clock.monotonicMs() + timeoutMs;
  const leftMs = () => at - clock.monotonicMs();
  return { leftMs, expired: () => leftMs() <= 0 };
}

export const outOfTime = (what: string, timeoutMs: number, cause?: unknown) =>
  failure('DEADLINE', `${what} did not end within ${Math.round(timeoutMs)} ms.`, { timeoutMs }, cause);

/** A request says how long it may take; without that it gets `defaultMs`. The handler's signal fires when the time is over. */
export const deadline =
  (clock: Clock, defaultMs: number): Policy<{ readonly timeoutMs?: number | undefined }> =>
  (next) =>
  async (request, signal) => {
    const timeoutMs = request.timeoutMs ?? defaultMs;
    if (timeoutMs <= 0) throw outOfTime('The request', timeoutMs);
    const over = new AbortController();
    let giveUp: (reason: Failure) => void = () => undefined;
    const late = new Promise<never>((_, reject) => (giveUp = reject));
    const cancel = clock.after(timeoutMs, () => {
      const reason = outOfTime('The request', timeoutMs);
      giveUp(reason); // first, or a handler that ends well on abort would win
      over.abort(reason);
    });
    try {
      return await Promise.race([next(request, AbortSignal.any([signal, over.signal])), late]);
    } finally {
      cancel();
    }
  };
