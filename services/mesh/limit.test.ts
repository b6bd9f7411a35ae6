import { expect, test } from 'vitest';
import { Limit, shed } from './limit.js';

const signal = new AbortController().signal;

test('the request beyond the limit is refused at once, and there is room again when one ends', async () => {
  const ends: (() => void)[] = [];
  const limit = new Limit(2);
  const handle = shed(limit)<number, void>(() => new Promise<void>((resolve) => ends.push(resolve)));
  const first = handle(1, signal);
  void handle(2, signal);
  await expect(handle(3, signal)).rejects.toMatchObject({ code: 'MAILBOX_FULL', retryable: true });
  ends[0]?.();
  await first;
  void handle(4, signal);
  expect(limit.inFlight).toBe(2);
});

test('a failing handler gives its place back', async () => {
  const limit = new Limit(1);
  const handle = shed(limit)<number, never>(async () => Promise.reject(new Error('no')));
  await expect(handle(1, signal)).rejects.toThrow('no');
  expect(limit.inFlight).toBe(0);
});
