import { expect, test } from 'vitest';
import { PeakEwma } from './ewma.js';

test('a slow answer is felt at once', () => {
  const latency = new PeakEwma();
  latency.observe(2, 0);
  latency.observe(300, 10);
  expect(latency.valueMs).toBe(300);
});

test('it fades over ten seconds of fast answers, not with the first one', () => {
  const latency = new PeakEwma();
  latency.observe(300, 0);
  latency.observe(2, 1);
  expect(latency.valueMs).toBeGreaterThan(290);
  for (let now = 10; now <= 10_000; now += 10) latency.observe(2, now);
  expect(latency.valueMs).toBeLessThan(120);
});

test('before the first answer it stands where it was put', () => {
  const latency = new PeakEwma(7);
  expect([latency.known, latency.valueMs]).toEqual([false, 7]);
  latency.observe(3, 0);
  expect([latency.known, latency.valueMs]).toEqual([true, 3]);
});
