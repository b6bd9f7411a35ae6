import { expect, test } from 'vitest';
import { seededRandom } from '../../mesh/random.js';
import { busyLimit, ConcurrencyLimit } from './concurrency-limit.js';

const RUN = { requests: 1, ms: 12 };
const CAPACITY = 160;

/** A replica of one request a run whose callers keep to its limit, hearing of it `lagMs` late. */
class Queue {
  readonly limit = new ConcurrencyLimit(CAPACITY);
  readonly waits: number[] = [];
  refused = 0;
  served = 0;
  nowMs = 0;
  private readonly held: number[] = [];
  private freeAtMs = 0;
  private readonly random = seededRandom(3);

  constructor(private readonly lagMs = 3) {}

  /** Poisson arrivals for so long. */
  load(perSecond: number, forMs: number): this {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      this.nowMs += (-Math.log(1 - this.random()) * 1_000) / perSecond;
      if (this.nowMs >= untilMs) break;
      this.work(this.nowMs);
      const unheard = this.freeAtMs - RUN.ms + this.lagMs > this.nowMs ? 1 : 0;
      if (this.held.length + (this.freeAtMs > this.nowMs ? 1 : 0) + unheard >= this.limit.requests)
        this.refused++;
      else {
        if (this.held.length === 0 && this.freeAtMs <= this.nowMs) this.limit.emptied(this.freeAtMs);
        this.limit.arrived(this.nowMs);
        this.held.push(this.nowMs);
      }
      this.work(this.nowMs);
    }
    this.nowMs = untilMs;
    this.work(untilMs);
    return this;
  }

  /** The youngest of those that are too much. */
  private handBack(): void {
    const kept = this.held.splice(0, Math.max(this.limit.requests - 1, 0));
    this.refused += this.held.length;
    this.held.splice(0, this.held.length, ...kept);
  }

  private work(untilMs: number): void {
    while (this.held.length > 0 && Math.max(this.freeAtMs, this.held[0] as number) <= untilMs) {
      const cameMs = this.held.shift() as number;
      const beginMs = Math.max(this.freeAtMs, cameMs);
      const run = { requests: 1, waitedMs: beginMs - cameMs, waiting: this.held.length };
      if (this.limit.begun(run, RUN, beginMs)) this.handBack();
      this.waits.push(beginMs - cameMs);
      this.freeAtMs = beginMs + RUN.ms;
      this.served++;
    }
  }
}

test('a burst is taken up to the capacity', () => {
  const limit = new ConcurrencyLimit(CAPACITY);
  for (let i = 0; i < 8; i++) {
    limit.arrived(0);
    limit.begun({ requests: 1, waitedMs: i * 12, waiting: 8 - i }, RUN, i * 12);
  }
  expect(limit.requests).toBe(CAPACITY);
});

test('three times the capacity for a minute: nine tenths of the peak are served, none but the first wait longer than two runs', () => {
  const queue = new Queue();
  queue.load(250, 60_000);
  expect(queue.served).toBeGreaterThan((60_000 / RUN.ms) * 0.9);
  const sorted = queue.waits.toSorted((a, b) => a - b);
  expect(sorted[Math.floor(sorted.length * 0.99)]).toBeLessThanOrEqual(2 * RUN.ms);
});

test('a queue that was there before it was seen to grow, and goes on, closes the limit within a few runs', () => {
  const limit = new ConcurrencyLimit(CAPACITY);
  let runs = 0;
  for (; limit.requests === CAPACITY && runs < 20; runs++) {
    limit.arrived(runs * RUN.ms);
    limit.begun({ requests: 1, waitedMs: 400, waiting: 33 }, RUN, runs * RUN.ms);
  }
  expect(runs).toBeLessThanOrEqual(6);
});

test('callers who wait for their answers and come back together are not refused', () => {
  const limit = new ConcurrencyLimit(5_000);
  const small = { requests: 32, ms: 2 };
  for (let came = 0; came < 6; came++) limit.arrived(0);
  limit.begun({ requests: 4, waitedMs: 30, waiting: 2 }, small, 0);
  // All others at once, then as many as were answered.
  for (let came = 0; came < 58; came++) limit.arrived(1);
  for (let i = 1; i < 100; i++) {
    limit.begun({ requests: 4, waitedMs: 30, waiting: 56 }, small, i * 8);
    for (let came = 0; came < 4; came++) limit.arrived(i * 8 + 1);
  }
  expect(limit.requests).toBe(5_000);
});

test('a limit that is down to the least goes with the run that serves most', () => {
  const limit = new ConcurrencyLimit(CAPACITY);
  const eight = { requests: 8, ms: 90 };
  for (let i = 0; i < 20; i++) {
    for (let came = 0; came < 24; came++) limit.arrived(i * eight.ms);
    limit.begun({ requests: 8, waitedMs: 200, waiting: 40 }, eight, i * eight.ms);
  }
  expect(limit.requests).toBe(busyLimit(eight));
  expect(limit.begun({ requests: 1, waitedMs: 0, waiting: 7 }, RUN, 20 * eight.ms)).toBe(false);
  expect(limit.requests).toBe(busyLimit(RUN));
});

test('a little too much, or nearly, costs a sixth of the capacity at most', () => {
  for (const load of [0.95, 1.1, 1.5]) {
    const queue = new Queue();
    queue.load((load * 1_000) / RUN.ms, 60_000);
    expect(queue.served).toBeGreaterThan((60_000 / RUN.ms) * Math.min(load, 1) * (5 / 6));
  }
});

test('after the overload everybody is served again within five seconds, bursts too', () => {
  const queue = new Queue();
  queue.load(250, 10_000);
  expect(queue.limit.requests).toBeLessThanOrEqual(4);
  queue.load(40, 5_000);
  const { refused } = queue;
  queue.load(40, 10_000);
  expect(queue.refused).toBe(refused);
  expect(queue.limit.requests).toBeGreaterThan(8);
});

test('an engine that idles because word stops for a while opens by a run, not by twice: who waits would wait twice as long', () => {
  const limit = new ConcurrencyLimit(CAPACITY);
  let nowMs = 0;
  const stands = { requests: 1, waitedMs: 400, waiting: 33 };
  for (; limit.requests === CAPACITY; nowMs += RUN.ms) {
    limit.arrived(nowMs);
    limit.begun(stands, RUN, nowMs);
  }
  const least = limit.requests;
  const untilMs = nowMs + 1_100;
  // Two runs, the second waited for, and a pause as long: nobody comes who would not have to wait.
  while (nowMs < untilMs) {
    limit.arrived(nowMs);
    limit.arrived(nowMs);
    limit.begun({ requests: 1, waitedMs: RUN.ms, waiting: 1 }, RUN, nowMs);
    limit.begun({ requests: 1, waitedMs: RUN.ms, waiting: 0 }, RUN, nowMs + RUN.ms);
    limit.emptied(nowMs + 2 * RUN.ms);
    nowMs += 4 * RUN.ms;
  }
  expect(limit.requests).toBe(least + 1);
});

test('half of what it can serve is never refused', () => {
  const queue = new Queue();
  queue.load(40, 60_000);
  expect([queue.refused, queue.limit.requests]).toEqual([0, CAPACITY]);
});

test('models of microseconds get what fills the time in which word of an outcome travels', () => {
  expect(busyLimit(RUN)).toBe(2);
  expect(busyLimit({ requests: 32, ms: 1.6 })).toBe(132);
});
