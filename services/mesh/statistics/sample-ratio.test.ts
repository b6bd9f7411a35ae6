import { expect, test } from 'vitest';
import { lnSampleRatio, SAMPLE_RATIO_ALARM } from './sample-ratio.js';

const alarm = Math.log(SAMPLE_RATIO_ALARM);
const halves = (a: number, b: number) => [
  { weight: 5_000, count: a },
  { weight: 5_000, count: b },
];

test('nobody yet is no evidence, and the promised shares speak against an alarm', () => {
  expect(lnSampleRatio(halves(0, 0))).toBeCloseTo(0);
  expect(lnSampleRatio(halves(5_020, 4_980))).toBeLessThan(0);
});

test('52 to 48 declared as halves sounds the alarm by 20,000 users, not among the first hundred', () => {
  expect(lnSampleRatio(halves(52, 48))).toBeLessThan(alarm);
  expect(lnSampleRatio(halves(10_400, 9_600))).toBeGreaterThan(alarm);
});

test('users on an arm that promises none are an alarm at once', () => {
  expect(
    lnSampleRatio([
      { weight: 10_000, count: 5 },
      { weight: 0, count: 1 },
    ]),
  ).toBeGreaterThan(alarm);
});
