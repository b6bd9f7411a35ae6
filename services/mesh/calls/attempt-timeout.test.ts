import { expect, test } from 'vitest';
import { attemptTimeoutMs } from './attempt-timeout.js';

const quick = { leftMs: 2_000, latencyMs: 1, seen: true, inFlight: 1, timedOut: 0 };

test('a quick model gets the floor, so a lost message costs 60 ms', () => {
  expect(attemptTimeoutMs(quick)).toBe(60);
});
test('a slow model gets several times what it takes, a queue before it even more', () => {
  expect(attemptTimeoutMs({ ...quick, latencyMs: 300 })).toBe(1_800);
  expect(attemptTimeoutMs({ ...quick, latencyMs: 5, inFlight: 64 })).toBeGreaterThan(64 * 5);
});
test('a replica of which nothing is known gets half of the time left', () => {
  expect(attemptTimeoutMs({ ...quick, latencyMs: 0 })).toBe(1_000);
});
test('a replica that we had no answer of gets half a second, or half of the time left, however quick it says it is', () => {
  expect(attemptTimeoutMs({ ...quick, leftMs: 30_000, seen: false })).toBe(500);
  expect(attemptTimeoutMs({ ...quick, leftMs: 500, seen: false })).toBe(250);
});
test('each attempt that ran out of time doubles the patience of the next', () => {
  expect(attemptTimeoutMs({ ...quick, timedOut: 2 })).toBe(240);
});
test('no attempt outlives the deadline', () => {
  expect(attemptTimeoutMs({ ...quick, leftMs: 20, latencyMs: 500 })).toBe(20);
});
