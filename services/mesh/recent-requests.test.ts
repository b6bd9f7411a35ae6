import { expect, test } from 'vitest';
import { RecentRequests } from './recent-requests.js';
import { FakeClock } from './testing/fake-clock.js';

test('a request that comes twice has its effect once and the same answer', async () => {
  const recent = new RecentRequests<number>(new FakeClock());
  let effects = 0;
  const run = () => recent.once('r-1', async () => ++effects);
  expect(await Promise.all([run(), run()])).toEqual([1, 1]);
  expect(await run()).toBe(1);
  expect(await recent.once('r-2', async () => ++effects)).toBe(2);
});

test('one that failed may be tried again', async () => {
  const recent = new RecentRequests<string>(new FakeClock());
  await expect(recent.once('r', () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  expect(await recent.once('r', async () => 'done')).toBe('done');
});

test('it is forgotten after ten minutes, and beyond ten thousand the oldest go', async () => {
  const clock = new FakeClock();
  const recent = new RecentRequests<number>(clock);
  let made = 0;
  const ask = (id: string) => recent.once(id, async () => ++made);
  await ask('first');
  await clock.advance(10 * 60_000);
  expect(await ask('first')).toBe(2);
  for (let i = 0; i < 10_000; i++) await ask(`more-${i}`);
  expect(await ask('first')).toBe(10_003);
});
