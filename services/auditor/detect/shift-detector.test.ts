// What the detectors promise: few false alarms on clean streams, soon after a change an alarm. Counts on seeded streams, no times.
import { expect, test } from 'vitest';
import { seeded } from '../../onnx/seeded.js';
import { ClassMix, stabilityBound, stabilityIndex } from './class-mix.js';
import { outputFaults } from '../../mesh/observing/output-faults.js';
import { ConstantOutput, constantAfter } from './faults.js';
import { deviationOf, ranksOf } from './ranks.js';
import { ShiftDetector } from './shift-detector.js';
import { TELL_AT } from './verdict.js';

const random = seeded(11);
const ranks = ranksOf('score', 'output', [...random.normals(5_000, 1)]);
const detector = () => new ShiftDetector([{ name: 'score', weight: 1, samples: 5_000, lower: true }]);
const deviation = (shift: number) => [deviationOf(ranks, random.normal() - shift)];

test('100,000 clean requests raise at most one alarm', () => {
  const watch = detector();
  let alarms = 0;
  for (let i = 0; i < 100_000; i++) {
    if (watch.add(deviation(0)) < TELL_AT) continue;
    alarms++;
    watch.restart();
  }
  expect(alarms).toBeLessThanOrEqual(1);
});

test('shifts of 2, 1 and 1/2 deviations are seen within 10, 30 and 100 requests on average', () => {
  for (const [shift, most] of [
    [2, 10],
    [1, 30],
    [0.5, 100],
  ] as const) {
    let delays = 0;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const watch = detector();
      for (let i = 0; i < 100; i++) watch.add(deviation(0));
      do delays++;
      while (watch.add(deviation(shift)) < TELL_AT);
      expect(Math.sign(watch.sinceChange(0).shift)).toBe(-1);
    }
    expect(delays / rounds, `a shift of ${shift}`).toBeLessThanOrEqual(most);
  }
});

test('a stream that is missing leaves the evidence as it is', () => {
  const watch = detector();
  const before = watch.add([1]);
  expect(watch.add([Number.NaN])).toBe(before);
  expect(watch.ofStream(0)).toBeCloseTo(before, 9);
});

test('classes in other shares are seen, the same shares are not', () => {
  const shares = [0.5, 0.3, 0.2];
  const draw = (p: readonly number[]) => {
    const at = random.uniform();
    return at < (p[0] ?? 0) ? 0 : at < (p[0] ?? 0) + (p[1] ?? 0) ? 1 : 2;
  };
  const mix = new ClassMix(shares, 5_000);
  let most = 0;
  for (let i = 0; i < 50_000; i++) most = Math.max(most, mix.add(draw(shares)));
  expect(most).toBeLessThan(TELL_AT);
  mix.restart();
  let seen = 0;
  while (mix.add(draw([0.1, 0.3, 0.6])) < TELL_AT) seen++;
  expect(seen).toBeLessThan(100);
});

test('the stability index stays under its bound by chance and passes it by drift', () => {
  const counts = (p: number, n: number) => {
    const bins = [0, 0];
    for (let i = 0; i < n; i++) bins[random.uniform() < p ? 0 : 1]!++;
    return bins;
  };
  expect(stabilityBound(10, 100, 100)).toBeCloseTo(27.9 / 50, 1);
  expect(stabilityIndex(counts(0.5, 1_000), counts(0.5, 1_000))).toBeLessThan(
    stabilityBound(2, 1_000, 1_000),
  );
  expect(stabilityIndex(counts(0.5, 1_000), counts(0.8, 1_000))).toBeGreaterThan(
    stabilityBound(2, 1_000, 1_000),
  );
});

test('a broken answer is seen at once and a constant one at the third request', () => {
  const expected = [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }];
  const y = { name: 'y', datatype: 'FP32', shape: [1, 2], values: [1, 2] };
  expect(outputFaults(expected, [y])).toEqual([]);
  expect(outputFaults(expected, [])).toEqual(['output-missing']);
  expect(outputFaults(expected, [{ ...y, values: [1, Number.NaN] }])).toEqual(['not-a-number']);
  expect(outputFaults(expected, [{ ...y, shape: [2] }])).toEqual(['wrong-shape']);
  expect(outputFaults(expected, [{ ...y, values: [1] }])).toEqual(['wrong-shape']);
  expect(outputFaults(expected, [{ ...y, datatype: 'FP64' }])).toEqual(['wrong-type']);
  expect(constantAfter(0, 5_000)).toBe(3);
  const constant = new ConstantOutput(3);
  expect(['a', 'a', 'b', 'c'].map((input) => constant.add(input, 'same'))).toEqual([
    false,
    false,
    false,
    true,
  ]);
  expect(constant.add('d', 'other')).toBe(false);
});
