import { expect, test } from 'vitest';
import { learnMinute, noForecast, upperRate } from './forecast.js';

const DAY = 1_440;
const tide = (minute: number): number => 10 + 5 * Math.sin((2 * Math.PI * minute) / DAY);

test('after two days of tides the next rise is expected half an hour ahead', () => {
  let forecast = noForecast(-1);
  for (let minute = 0; minute < 2 * DAY + 100; minute++) forecast = learnMinute(forecast, tide(minute));
  const expected = upperRate(forecast, 30 * 60_000);
  expect(expected).toBeGreaterThan(tide(100));
  expect(Math.abs(expected - tide(130))).toBeLessThan(0.5);
});

test('a rate that jumps about is expected higher than its mean', () => {
  let forecast = noForecast(-1);
  for (let minute = 0; minute < 300; minute++) forecast = learnMinute(forecast, minute % 2 ? 12 : 8);
  expect(upperRate(forecast, 60_000)).toBeGreaterThan(11);
});

test('before anything was learned nothing is expected', () => {
  expect(upperRate(noForecast(0), 60_000)).toBe(0);
});
