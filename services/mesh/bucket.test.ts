import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import { bucketOf, variantOf } from './bucket.js';

const endpoint = (...weights: number[]): EndpointRecord => ({
  name: 'ocr',
  model: 'ocr',
  variants: weights.map((weight, i) => ({ version: `${i}`.repeat(64), label: `v${i}`, weight })),
  salt: 'ocr-1',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
});

const labels = (record: EndpointRecord, users: number) =>
  Array.from({ length: users }, (_, i) => variantOf(record, bucketOf(record.salt, `user-${i}`)).label);

test('a growing canary keeps every user it had and gives none back', () => {
  const small = labels(endpoint(9_900, 100), 50_000);
  const large = labels(endpoint(9_000, 1_000), 50_000);
  small.forEach((label, i) => label === 'v1' && expect(large[i]).toBe('v1'));
});

test('the share of users is within a tenth of a point of the weight', () => {
  const users = 300_000;
  const got = labels(endpoint(7_500, 2_499, 1), users);
  for (const [label, share] of [
    ['v0', 0.75],
    ['v1', 0.2499],
    ['v2', 0.0001],
  ] as const)
    expect(Math.abs(got.filter((l) => l === label).length / users - share)).toBeLessThan(0.001);
});

test('a variant of weight 0 gets nobody', () => {
  expect(labels(endpoint(0, 10_000, 0), 10_000).every((label) => label === 'v1')).toBe(true);
});

test('two endpoints with different salts split users independently', () => {
  const both = Array.from({ length: 100_000 }, (_, i) => [
    bucketOf('a', `u${i}`) < 1_000,
    bucketOf('b', `u${i}`) < 1_000,
  ]);
  const together = both.filter(([a, b]) => a && b).length;
  expect(Math.abs(together - 1_000)).toBeLessThan(150);
});
