import { expect, test } from 'vitest';
import { deadline, deadlineIn } from './deadline.js';
import { FakeClock } from './testing/fake-clock.js';

const never = new AbortController().signal;
const forEver = (_: unknown, signal: AbortSignal) =>
  new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('stopped')));

test('a request is answered with DEADLINE when its time is over, and its handler is told to stop', async () => {
  const clock = new FakeClock();
  let told = false;
  const handle = deadline(
    clock,
    1_000,
  )((request: { timeoutMs?: number }, signal) => {
    signal.addEventListener('abort', () => (told = true));
    return forEver(request, signal);
  });
  const answer = expect(handle({ timeoutMs: 50 }, never)).rejects.toMatchObject({ code: 'DEADLINE' });
  await clock.advance(49);
  expect(told).toBe(false);
  await clock.advance(1);
  await answer;
  expect(told).toBe(true);
});

test('work whose caller has given up is not begun', async () => {
  let begun = false;
  const handle = deadline(
    new FakeClock(),
    1_000,
  )<{ timeoutMs?: number }, boolean>(async () => (begun = true));
  await expect(handle({ timeoutMs: 0 }, never)).rejects.toMatchObject({ code: 'DEADLINE' });
  expect(begun).toBe(false);
});

test('an answer in time leaves no timer behind', async () => {
  const clock = new FakeClock();
  expect(await deadline(clock, 1_000)<object, string>(async () => 'done')({}, never)).toBe('done');
  expect(clock.pending).toBe(0);
});

test('the time left shrinks as the clock goes', async () => {
  const clock = new FakeClock();
  const left = deadlineIn(clock, 100);
  await clock.advance(70);
  expect(left.leftMs()).toBe(30);
  expect(left.expired()).toBe(false);
  await clock.advance(30);
  expect(left.expired()).toBe(true);
});
