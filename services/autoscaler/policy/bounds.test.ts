import { expect, test } from 'vitest';
import { ScalingPolicy } from '../../../contracts/scaling.js';
import { bound, isInForce, scheduled, type Standing } from './bounds.js';

const policy = (more: object = {}): ScalingPolicy =>
  ScalingPolicy.parse({ minReplicas: 0, maxReplicas: 20, ...more });
const standing = (more: Partial<Standing> = {}): Standing => ({
  current: 2,
  lastChangeMs: 0,
  sinceMs: 0,
  nowMs: 100_000,
  waiting: 0,
  idle: false,
  ...more,
});
const at = (text: string): number => Date.parse(text);

test('a pin overrules everything', () => {
  expect(bound(7, policy({ pin: 3 }), standing())).toEqual({ replicas: 3, bounds: ['pinned to 3'] });
});

test('a wrong number of the policy grows in steps, and never beyond the maximum', () => {
  expect(bound(1_000, policy(), standing()).replicas).toBe(8);
  expect(bound(1_000, policy(), standing({ current: 8 })).replicas).toBe(20);
  expect(bound(9, policy(), standing({ lastChangeMs: 99_500 })).replicas).toBe(2);
});

test('it shrinks by half at most, not right after a change, and not before it has been looked at for a while', () => {
  expect(bound(1, policy(), standing({ current: 8 })).replicas).toBe(4);
  expect(bound(1, policy(), standing({ current: 8, lastChangeMs: 98_000 })).replicas).toBe(8);
  expect(bound(1, policy(), standing({ current: 8, sinceMs: 90_000 })).replicas).toBe(8);
  expect(bound(0, policy(), standing({ current: 8, idle: true })).replicas).toBe(0);
});

test('from zero nothing holds it up when somebody waits', () => {
  const asleep = standing({ current: 0, lastChangeMs: 99_999, waiting: 3 });
  expect(bound(0, policy(), asleep)).toMatchObject({ replicas: 1 });
});

test('a metric adds replicas; one that has stopped takes none away', () => {
  const measured = policy({ metric: { subject: 'jobs.waiting', perReplica: 10 } });
  expect(bound(1, measured, standing({ metric: { value: 42, stale: false } })).replicas).toBe(5);
  expect(bound(1, measured, standing({ metric: { value: 0, stale: true } })).replicas).toBe(2);
  expect(bound(1, measured, standing()).replicas).toBe(2);
});

test('a metric that has stopped keeps the last good state, with a sentence, while load may still add, and its own madness ends at the maximum', () => {
  const measured = policy({ metric: { subject: 'jobs.waiting', perReplica: 10 } });
  const stopped = standing({ current: 6, metric: { value: 60, stale: true } });
  expect(bound(1, measured, stopped)).toEqual({
    replicas: 6,
    bounds: ['the metric has stopped: what is wanted stays, and nothing is taken away'],
  });
  expect(bound(1, measured, standing({ current: 6 })).bounds[0]).toContain('was never heard');
  expect(bound(9, measured, stopped).replicas).toBe(9);
  const mad = standing({ current: 20, metric: { value: 1e300, stale: false } });
  expect(bound(1, measured, mad).replicas).toBe(20);
});

test('the budget has the last word: over load, minimum, pin, metric and the pace of shrinking', () => {
  const affordable = { replicas: 3, why: 'a budget of 2 an hour pays for 3' };
  const bounds = ['8 are too dear: a budget of 2 an hour pays for 3'];
  expect(bound(8, policy(), standing({ affordable }))).toEqual({ replicas: 3, bounds });
  expect(bound(1, policy({ minReplicas: 8 }), standing({ affordable })).replicas).toBe(3);
  expect(bound(1, policy({ pin: 8 }), standing({ affordable })).replicas).toBe(3);
  expect(bound(8, policy(), standing({ current: 16, affordable })).replicas).toBe(3);
  expect(bound(2, policy(), standing({ affordable })).replicas).toBe(2);
});

test('a schedule counts on its days, also past midnight', () => {
  const night = { days: [5], from: '22:00', to: '02:00' };
  expect(isInForce(night, at('2026-11-27T23:00:00Z'))).toBe(true); // a Friday
  expect(isInForce(night, at('2026-11-28T01:59:00Z'))).toBe(true);
  expect(isInForce(night, at('2026-11-28T02:00:00Z'))).toBe(false);
  expect(isInForce(night, at('2026-11-28T23:00:00Z'))).toBe(false);
  const busy = policy({ schedules: [{ from: '08:00', to: '18:00', minReplicas: 5 }] });
  expect(scheduled(busy, at('2026-11-25T12:00:00Z')).minReplicas).toBe(5);
  expect(scheduled(busy, at('2026-11-25T07:59:00Z')).minReplicas).toBe(0);
});
