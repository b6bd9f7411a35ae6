import { expect, test } from 'vitest';
import { armOf, EndpointRecord, type Variant } from '../../contracts/registry.js';
import { bucketOf, variantOf } from './bucket.js';
import { moveBuckets, type Split } from './bucket-moves.js';
import { seededRandom } from './random.js';

const BUCKETS = Array.from({ length: 10_000 }, (_, bucket) => bucket);
const arms = (weights: Record<string, number>): Variant[] =>
  Object.entries(weights).map(([arm, weight]) => ({ version: 'a'.repeat(64), label: 'v1', arm, weight }));
const record = (split: Split): EndpointRecord => ({
  name: 'ocr',
  model: 'ocr',
  variants: [...split.variants],
  table: split.table,
  salt: 's',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
});
const owners = (split: Split): string[] => {
  const endpoint = record(split);
  return BUCKETS.map((bucket) => armOf(variantOf(endpoint, bucket)));
};
const after = (split: Split, weights: Record<string, number>): Split => {
  const variants = arms(weights);
  return { variants, table: moveBuckets(split, variants) };
};

function randomWeights(random: () => number): Record<string, number> {
  const names = ['a', 'b', 'c', 'd', 'e'].filter(() => random() < 0.7);
  if (names.length === 0) names.push('a');
  const cuts = names
    .slice(1)
    .map(() => Math.floor(random() * 10_001))
    .toSorted((x, y) => x - y);
  return Object.fromEntries(names.map((name, i) => [name, (cuts[i] ?? 10_000) - (cuts[i - 1] ?? 0)]));
}

test('any change of weights moves as many buckets as arms grew, and takes none from an arm that did not shrink', () => {
  const random = seededRandom(7);
  let split: Split = { variants: arms({ a: 10_000 }) };
  for (let step = 0; step < 150; step++) {
    const next = after(split, randomWeights(random));
    const [was, is] = [owners(split), owners(next)];
    const weightOf = ({ variants }: Split, arm: string) =>
      variants.find((one) => one.arm === arm)?.weight ?? 0;
    const growth = ['a', 'b', 'c', 'd', 'e'].map((arm) => weightOf(next, arm) - weightOf(split, arm));
    expect(was.filter((arm, i) => is[i] !== arm).length).toBe(growth.reduce((s, g) => s + Math.max(0, g), 0));
    const losers = [...new Set(was.filter((arm, i) => is[i] !== arm))];
    expect(losers.filter((arm) => weightOf(next, arm) >= weightOf(split, arm))).toEqual([]);
    for (const { arm, weight } of next.variants) expect(is.filter((one) => one === arm)).toHaveLength(weight);
    expect(EndpointRecord.safeParse(record(next)).success).toBe(true);
    split = next;
  }
});

test('what an arm gives are its highest buckets', () => {
  const next = after({ variants: arms({ stable: 9_000, canary: 1_000 }) }, { stable: 8_000, canary: 2_000 });
  expect(next.table).toBeUndefined(); // stable's end is canary's beginning: the plain order says it
  expect(after(next, { stable: 9_000, canary: 1_000 }).table).toEqual([
    [8_000, 'stable'],
    [1_000, 'canary'],
    [1_000, 'stable'],
  ]);
});

test('a canary that grows in steps keeps every one of a million users it had', () => {
  const users = Array.from({ length: 1_000_000 }, (_, i) => bucketOf('salt', `user-${i}`));
  let split: Split = { variants: arms({ stable: 9_800, baseline: 100, canary: 100 }) };
  for (const weight of [500, 1_000, 2_500, 4_000]) {
    const next = after(split, { stable: 10_000 - 2 * weight, baseline: weight, canary: weight });
    const [was, is] = [owners(split), owners(next)];
    const assigned = users.filter((bucket) => was[bucket] !== 'stable');
    expect(assigned.filter((bucket) => was[bucket] !== is[bucket])).toHaveLength(0);
    split = next;
  }
});

test('a table of many runs finds the owner of every bucket', () => {
  const runs = BUCKETS.map((bucket): [number, string] => [1, bucket % 2 === 0 ? 'a' : 'b']);
  const split = { variants: arms({ a: 5_000, b: 5_000 }), table: runs };
  expect(owners(split)).toEqual(runs.map(([, arm]) => arm));
});
