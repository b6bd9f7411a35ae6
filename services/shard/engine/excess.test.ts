// A replica that is asked for more than it can do, on a clock of its own: what it reads, refuses and runs costs what such an engine was seen to need.
import { expect, test } from 'vitest';
import { waiting } from '../testing/waiting.js';
import { Counts } from './counts.js';
import { ROW_RUNGS } from './latency-curve.js';
import type { Decoded, Ready } from './request-queue.js';
import { Scheduler } from './scheduler.js';
import { WaitingRoom } from './waiting-room.js';

const READ_MS = 0.01;
const runMs = (rows: number): number => 0.2 + 0.015 * rows;
const DEADLINE_MS = 50;
/** Of full runs: each request is read, and runs. */
const CAPACITY = 1 / (READ_MS + runMs(256) / 256);
const decoded: Decoded = {
  request: { parameters: {}, inputs: [], binaryOutput: true },
  inputs: [],
  rows: 1,
  key: '',
  items: 1,
};

/** Answered in time, a millisecond, when so many come; for a while the process gets no processor at all. */
function goodput(perMs: number, stallMs: number, forMs = 1_200): number {
  const arrivals = Math.floor(forMs * perMs);
  const startMs = 10_000;
  let nowMs = startMs;
  let read = 0;
  let good = 0;
  let running: Ready[] = [];
  const scheduler = new Scheduler({
    id: 'r',
    points: ROW_RUNGS.map((rows) => ({ rows, runMs: runMs(rows) })),
    rowItems: 1,
    rowsMax: 256,
    decode: () => decoded,
    letGo: () => undefined,
  });
  const room = new WaitingRoom({
    id: 'r',
    capacity: 4_096,
    scheduler,
    counts: new Counts(),
    inFlight: () => scheduler.queue.length + running.length,
    letGo: () => undefined,
  });
  const cameMs = (nth: number): number => startMs + nth / perMs;
  while (read < arrivals) {
    for (; read < arrivals && cameMs(read) <= nowMs; read++) {
      nowMs += READ_MS;
      const request = waiting(String(read), nowMs, 0, DEADLINE_MS);
      const known = { ...request, unreadMsMax: nowMs - cameMs(read) };
      if (room.admits(known)) room.entered(known);
    }
    running = scheduler.next(nowMs);
    const [first] = running;
    if (first === undefined) {
      room.emptied(nowMs);
      nowMs = Math.max(nowMs, cameMs(read));
      continue;
    }
    room.begun(running, nowMs);
    const rows = running.length;
    nowMs += runMs(rows);
    for (const { to } of running) if (nowMs - cameMs(Number(to.requestId)) <= DEADLINE_MS) good++;
    scheduler.learn(first, rows, rows, { inputMs: 0, inferMs: runMs(rows), outputMs: 0 }, nowMs);
    running = [];
    scheduler.turned(nowMs);
    if (nowMs - startMs > 300 && stallMs > 0) [nowMs, stallMs] = [nowMs + stallMs, 0];
  }
  return good / forMs;
}

test.each([0.5, 0.9])('%f of what it can do is served whole', (share) => {
  expect(goodput(share * CAPACITY, 0) / (share * CAPACITY)).toBeGreaterThan(0.97);
});

test.each([1.05, 1.3, 1.7])(
  '%f times what it can do is served as far as reading and refusing leave time',
  (times) => {
    const left = (1 - times * CAPACITY * READ_MS) / (runMs(256) / 256);
    expect(goodput(times * CAPACITY, 0)).toBeGreaterThan(0.85 * left);
  },
);

test.each([0.9, 1.3])('after a stall %f times what it can do is served as before', (times) => {
  expect(goodput(times * CAPACITY, 100)).toBeGreaterThan(0.75 * goodput(times * CAPACITY, 0));
});
