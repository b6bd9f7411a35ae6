import { expect, test } from 'vitest';
import { cold, type Heat, warmer } from './heat.js';

function after(heat: Heat, seconds: number, perSecond: number): Heat {
  let now = heat;
  for (let i = 0; i < seconds; i++) now = warmer(now, now.served + perSecond, now.atMs + 1_000);
  return now;
}

test('a steady load makes hot, a short burst does not, and what is hot stays so until it is hardly asked for', () => {
  const start = cold(0, 0);
  expect(after(start, 1, 20).hot).toBe(false);
  const hot = after(start, 10, 20);
  expect(hot.hot).toBe(true);
  expect(after(hot, 10, 5).hot).toBe(true);
  expect(after(hot, 20, 0).hot).toBe(false);
});

test('a counter that begins anew is no negative load', () => {
  const hot = after(cold(0, 0), 10, 20);
  expect(warmer(hot, 20, hot.atMs + 1_000).perSecond).toBeGreaterThan(15);
});
