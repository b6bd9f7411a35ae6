import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random.js';
import { lnNotWorse, lnWorse } from './failure-share.js';

const half = (candidate: number, baseline: number) => [{ share: 0.5, candidate, baseline }];

describe('the share of failures', () => {
  test('no failure is no evidence, and failures in equal parts speak against harm', () => {
    expect(lnWorse(half(0, 0))).toBeCloseTo(0);
    expect(lnWorse(half(30, 30))).toBeLessThan(0);
    expect(lnWorse(half(30, 5))).toBeGreaterThan(Math.log(20));
  });

  test('it agrees with the product written out failure by failure', () => {
    const q = 0.05;
    const product = (r: number) => {
      const qr = (r * q) / (r * q + 1 - q);
      return (qr / q) ** 4 * ((1 - qr) / (1 - q)) ** 7;
    };
    const ratios = [1.25, 1.5, 2, 3, 5, 10, 20, 50];
    const bets = [1, 1, 2, 3, 5, 5, 4, 3];
    const mean = ratios.reduce((sum, r, i) => sum + (product(r) * (bets[i] ?? 0)) / 24, 0);
    expect(lnWorse([{ share: q, candidate: 4, baseline: 7 }])).toBeCloseTo(Math.log(mean), 10);
  });

  test('epochs add up: the same failures in two halves of one share say the same', () => {
    const whole = [{ share: 0.2, candidate: 9, baseline: 20 }];
    const halves = [
      { share: 0.2, candidate: 4, baseline: 13 },
      { share: 0.2, candidate: 5, baseline: 7 },
    ];
    expect(lnWorse(halves)).toBeCloseTo(lnWorse(whole), 10);
  });

  test('an arm with all or none of the traffic says nothing, however often it fails', () => {
    expect(lnWorse([{ share: 1, candidate: 500, baseline: 0 }])).toBeCloseTo(0);
    expect(lnWorse([{ share: 0, candidate: 0, baseline: 500 }])).toBeCloseTo(0);
  });

  test('a million failures stay finite', () => {
    expect(Number.isFinite(lnWorse(half(900_000, 100_000)))).toBe(true);
  });

  test('looked at after every failure of 400 sound histories, at most 5 % and some slack cross 20', () => {
    const random = seededRandom(7);
    let crossed = 0;
    for (let history = 0; history < 400; history++) {
      // Shares grow by epoch and the base rate with them, which fooled the pooled normal approximation in 83 % of histories.
      const counts = [0.01, 0.05, 0.25, 0.5].map((share) => ({ share, candidate: 0, baseline: 0 }));
      search: for (const [i, epoch] of counts.entries())
        for (let failure = 0; failure < 40 * (i + 1); failure++) {
          if (random() < epoch.share) epoch.candidate++;
          else epoch.baseline++;
          if (lnWorse(counts) < Math.log(20)) continue;
          crossed++;
          break search;
        }
    }
    expect(crossed).toBeLessThanOrEqual(32); // 20 expected at most; 32 has a chance of 0.6 %
  });

  test('equal arms are shown to be no worse than twice, and an arm twice as bad hardly ever is', () => {
    expect(lnNotWorse(half(40, 40), 2)).toBeGreaterThan(Math.log(20));
    expect(lnNotWorse(half(2, 2), 2)).toBeLessThan(Math.log(20));
    const random = seededRandom(11);
    let passed = 0;
    for (let history = 0; history < 400; history++) {
      let candidate = 0;
      for (let failures = 1; failures <= 150; failures++) {
        if (random() < 2 / 3) candidate++;
        if (lnNotWorse(half(candidate, failures - candidate), 2) < Math.log(20)) continue;
        passed++;
        break;
      }
    }
    expect(passed).toBeLessThanOrEqual(32);
  });
});
