import { expect, test } from 'vitest';
import { ReleasePlan, ReleaseSpec } from './release.js';

const spec = (more: Record<string, unknown> = {}, strategy: unknown = { type: 'blueGreen' }) =>
  ReleaseSpec.safeParse({ endpoint: 'ocr', to: 'v2', owner: 'ada', strategy, ...more });

test('a short spec is whole: every limit has a value', () => {
  const { data } = spec();
  expect(data?.strategy).toMatchObject({ autoPromote: true, keepOldMs: 1_800_000 });
  expect(data?.deadlines.loadingMs).toBeGreaterThan(0);
  expect(data?.guards.totalMs).toBeGreaterThan(0);
});

test.each([
  ['of the spec', { prewiewMs: 3 }, undefined],
  ['of a strategy', {}, { type: 'blueGreen', keepOldSeconds: 3 }],
  ['of a step', {}, { type: 'canary', steps: [{ weight: 100, pauze: true }] }],
  ['of another strategy', {}, { type: 'rolling', autoPromote: true }],
  ['of the guards', { guards: { readyShare: 3 } }, undefined],
])('a field that nobody knows is refused and not ignored: one %s', (_, more, strategy) => {
  expect(spec(more, strategy).success).toBe(false);
});

test('a plan whose weights do not add up to 10,000 is no plan', () => {
  const arm = (name: string, weight: number) => ({ arm: name, version: 'a'.repeat(64), label: name, weight });
  const plan = (weight: number) => ({
    revision: 1,
    epoch: 1,
    arms: [arm('stable', 9_000), arm('canary', weight)],
  });
  expect(ReleasePlan.safeParse(plan(1_000)).success).toBe(true);
  expect(ReleasePlan.safeParse(plan(999)).success).toBe(false);
});
