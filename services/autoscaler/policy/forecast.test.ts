import { expect, test } from 'vitest';
import { type Forecast, learnMinute, noForecast, takenUp, upperRate, written } from './forecast.js';

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

/** Two days and a bit, in a process that began at noon of some day by the wall, its own clock near zero. */
function lived(minutes = 2 * DAY + 100): { forecast: Forecast; wallMinute: number } {
  let forecast = noForecast(-1);
  for (let minute = 0; minute < minutes; minute++) forecast = learnMinute(forecast, tide(minute));
  return { forecast, wallMinute: 30_000_000 + minutes - 1 };
}

test('what one process learned of the days another takes up, whatever its own clock says', () => {
  const { forecast, wallMinute } = lived();
  const kept = JSON.parse(JSON.stringify(written(forecast, wallMinute))) as ReturnType<typeof written>;
  const next = takenUp(kept, 7_777, wallMinute);
  if (!next) throw new Error('it was not taken up');
  for (const ahead of [1, 30, 300])
    expect(upperRate(next, ahead * 60_000)).toBeCloseTo(upperRate(forecast, ahead * 60_000), 2);
  // It goes on learning: the same minute has the same effect.
  const [here, there] = [learnMinute(forecast, 20), learnMinute(next, 20)];
  expect(upperRate(there, 60_000)).toBeCloseTo(upperRate(here, 60_000), 2);
});

test('an hour without a leader is an hour later in the day', () => {
  const { forecast, wallMinute } = lived();
  const next = takenUp(written(forecast, wallMinute), 5, wallMinute + 60);
  expect(next && upperRate(next, 60_000) - upperRate(forecast, 61 * 60_000)).toBeCloseTo(0, 0);
});

test('half a day goes on after a short hole, begins anew after a long one, and what is a week old is forgotten', () => {
  const { forecast, wallMinute } = lived(DAY / 2);
  const kept = written(forecast, wallMinute);
  expect(takenUp(kept, 0, wallMinute + 10)?.firstDay).toHaveLength(DAY / 2 + 10);
  expect(takenUp(kept, 0, wallMinute + 60)?.firstDay).toHaveLength(0);
  expect(takenUp(kept, 0, wallMinute + 8 * DAY)).toBeUndefined();
  expect(takenUp(kept, 0, wallMinute - 1)).toBeUndefined();
});
