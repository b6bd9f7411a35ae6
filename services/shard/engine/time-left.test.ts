import { expect, test } from 'vitest';
import { timeLeft } from './time-left.js';

test('a request runs while its time lasts, whatever part of it may have passed unread', () => {
  expect(timeLeft({ readAtMs: 1_000, unreadMsMax: 40, timeoutMs: 100 }, 1_059)).toBe('enough');
});

test('a request that may have expired in the socket is not run', () => {
  expect(timeLeft({ readAtMs: 1_000, unreadMsMax: 3_000, timeoutMs: 100 }, 1_000)).toBe('unsure');
});

test('a request held for its whole time has expired', () => {
  expect(timeLeft({ readAtMs: 1_000, unreadMsMax: 0, timeoutMs: 100 }, 1_100)).toBe('expired');
});
