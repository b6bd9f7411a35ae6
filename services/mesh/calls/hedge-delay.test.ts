import { expect, test } from 'vitest';
import { HedgeDelays } from './hedge-delay.js';

test('an automatic delay is the 95th percentile of what was seen, within a bin', () => {
  const delays = new HedgeDelays();
  for (let i = 1; i <= 900; i++) delays.answered('ocr', 'auto', i % 100);
  const delay = delays.delayMs('ocr', 'auto') ?? 0;
  expect(delay).toBeGreaterThan(90);
  expect(delay).toBeLessThan(110);
});

test('before enough was seen nobody is hedged, and a fixed delay stays what it is', () => {
  const delays = new HedgeDelays();
  for (let i = 0; i < 19; i++) delays.answered('ocr', 'auto', 10);
  expect(delays.delayMs('ocr', 'auto')).toBeUndefined();
  expect(delays.delayMs('ocr', 30)).toBe(30);
  expect(delays.delayMs('ocr', undefined)).toBeUndefined();
});

test('a model that became faster is hedged sooner after some hundred answers', () => {
  const delays = new HedgeDelays();
  for (let i = 0; i < 500; i++) delays.answered('ocr', 'auto', 200);
  for (let i = 0; i < 8_000; i++) delays.answered('ocr', 'auto', 20);
  expect(delays.delayMs('ocr', 'auto')).toBeLessThan(25);
});
