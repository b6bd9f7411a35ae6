// A clock that tests turn by hand: `await clock.advance(500)` fires what is due, in order, and lets the promises behind it run.
import type { Clock } from '../clock.js';

interface Timer {
  at: number;
  readonly everyMs: number | undefined;
  readonly call: () => void;
}

export class FakeClock implements Clock {
  private elapsedMs = 0;
  private readonly timers = new Set<Timer>();

  /** `startMs` is the wall clock at the beginning; the monotonic one begins at 0. */
  constructor(private readonly startMs = 1_700_000_000_000) {}

  now(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  /** How many timers wait: a test may ask that nothing is left behind. */
  get pending(): number {
    return this.timers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const aborted = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  after(ms: number, call: () => void): () => void {
    return this.add({ at: this.elapsedMs + ms, everyMs: undefined, call });
  }

  every(ms: number, call: () => void): () => void {
    return this.add({ at: this.elapsedMs + ms, everyMs: ms, call });
  }

  async advance(ms: number): Promise<void> {
    const until = this.elapsedMs + ms;
    await settled();
    for (let next = this.due(until); next; next = this.due(until)) {
      this.elapsedMs = Math.max(this.elapsedMs, next.at);
      if (next.everyMs === undefined) this.timers.delete(next);
      else next.at += Math.max(next.everyMs, 1);
      next.call();
      await settled();
    }
    this.elapsedMs = until;
  }

  private add(timer: Timer): () => void {
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  private due(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers) if (timer.at <= until && (!first || timer.at < first.at)) first = timer;
    return first;
  }
}

/** One turn of the real event loop: all promise callbacks that are due have run after it. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
