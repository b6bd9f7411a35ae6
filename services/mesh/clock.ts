// Time comes in through this door: services take a Clock, tests turn a fake one (testing/fake-clock.ts).
import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since 1970: for records and for people; it may jump. */
  now(): number;
  /** Milliseconds since some fixed moment, with fractions: for durations; it never goes back. */
  monotonicMs(): number;
  /** Rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls once, later; returns the cancel. Such a timer keeps no process alive. */
  after(ms: number, call: () => void): () => void;
  /** Calls again and again; returns the cancel. Such a timer keeps no process alive. */
  every(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const aborted = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      }, ms);
      signal?.addEventListener('abort', aborted, { once: true });
    }),
  after: (ms, call) => {
    const timer = setTimeout(call, ms).unref();
    return () => clearTimeout(timer);
  },
  every: (ms, call) => {
    const timer = setInterval(call, ms).unref();
    return () => clearInterval(timer);
  },
};
