import { expect, test } from 'vitest';
import { Residency } from './residency.js';

const seen = (arrived: number, more = {}) => ({
  arrived,
  inUse: false,
  startMs: 100,
  bytes: 1_048_576,
  ...more,
});
const room = (residentsMax: number) => ({ residentsMax, bytesMax: Number.POSITIVE_INFINITY });

test('who is asked for least has to sleep, once it has been awake for a while', () => {
  const residency = new Residency();
  for (const [name, requests] of [
    ['often', 50],
    ['seldom', 1],
  ] as const) {
    residency.saw(name, seen(0), 0);
    residency.saw(name, seen(requests), 1_000);
  }
  expect(residency.crowdedOut(['often', 'seldom'], room(1))).toEqual([]);
  residency.saw('often', seen(50), 5_000);
  residency.saw('seldom', seen(1, { inUse: true }), 5_000);
  expect(residency.crowdedOut(['often', 'seldom'], room(1))).toEqual(['often']);
  residency.saw('seldom', seen(1), 6_000);
  expect(residency.crowdedOut(['often', 'seldom'], room(1))).toEqual(['seldom']);
});

test('what was dear once and is not asked for any more makes room in the end', () => {
  const residency = new Residency();
  residency.saw('old', seen(0), 0);
  residency.saw('old', seen(5), 1_000);
  let asleep: string | undefined;
  for (let i = 1; i <= 20 && asleep !== 'old'; i++) {
    const [a, b] = [`a${i}`, `b${i}`];
    for (const name of [a, b]) residency.saw(name, seen(0), i * 10_000);
    for (const name of [a, b, 'old']) residency.saw(name, seen(name === 'old' ? 5 : 1), i * 10_000 + 5_000);
    [asleep] = residency.crowdedOut([a, b, 'old'], room(2));
  }
  expect(asleep).toBe('old');
});
