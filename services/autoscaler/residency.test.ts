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

/** Called every ten seconds for two seconds, asleep in between. */
function everyTenSeconds(residency: Residency, name: string, visits: number): void {
  for (let visit = 0; visit < visits; visit++) {
    residency.saw(name, seen(visit + 1), visit * 10_000);
    residency.saw(name, seen(visit + 1), visit * 10_000 + 5_000);
    residency.sleeps(name);
  }
}
const mayWake = () => true;

test('who is called at even intervals is loaded before, for who is worth less, and once', () => {
  const residency = new Residency();
  residency.saw('rare', seen(0), 0);
  residency.saw('rare', seen(0), 31_000);
  everyTenSeconds(residency, 'even', 4);
  const preload = (nowMs: number, most = 1) =>
    residency.preload(['rare'], room(most), { atOnce: 2, nowMs, mayWake });
  expect(preload(36_000)).toEqual({ wake: [], sleep: [] });
  expect(residency.isExpected('even', 39_500)).toBe(true);
  expect(
    residency.preload(['rare'], room(1), { atOnce: 2, nowMs: 39_500, mayWake: () => false }).wake,
  ).toEqual([]);
  expect(preload(39_500)).toEqual({ wake: ['even'], sleep: ['rare'] });
  residency.saw('even', seen(4), 39_600);
  expect(preload(39_700, 3)).toEqual({ wake: [], sleep: [] });
  residency.saw('even', seen(5), 40_000);
  expect(residency.preloads).toEqual({ called: 1, missed: 0 });
});

test('who is worth more than the expected one stays, and the expected one is not loaded', () => {
  const residency = new Residency();
  residency.saw('dear', seen(0), 0);
  residency.saw('dear', seen(50), 1_000);
  residency.saw('dear', seen(50), 31_000);
  everyTenSeconds(residency, 'even', 4);
  expect(residency.preload(['dear'], room(1), { atOnce: 2, nowMs: 39_500, mayWake })).toEqual({
    wake: [],
    sleep: [],
  });
});

test('who does not come when expected is not expected again until it has a rhythm anew', () => {
  const residency = new Residency();
  everyTenSeconds(residency, 'even', 4);
  const preload = (nowMs: number) => residency.preload([], room(1), { atOnce: 2, nowMs, mayWake }).wake;
  expect(preload(39_500)).toEqual(['even']);
  residency.saw('even', seen(4), 39_600);
  residency.sleeps('even');
  expect(preload(42_000)).toEqual([]);
  expect(preload(45_500)).toEqual([]);
  expect(residency.preloads).toEqual({ called: 0, missed: 1 });
  expect([49_500, 50_000, 60_000].flatMap(preload)).toEqual([]);
});

test('what the daily forecast foresees is loaded before as well', () => {
  const residency = new Residency();
  residency.saw('tide', seen(1), 0);
  residency.sleeps('tide');
  residency.foresees('tide', 60_000);
  expect(residency.preload([], room(1), { atOnce: 2, nowMs: 61_000, mayWake }).wake).toEqual(['tide']);
  expect(residency.isExpected('tide', 67_000)).toBe(false);
});
