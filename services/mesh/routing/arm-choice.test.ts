import { expect, test } from 'vitest';
import { armOf, EndpointRecord } from '../../../contracts/registry.js';
import { type ArmRequest, chooseArm, type RoutedEndpoint } from './arm-choice.js';
import { bucketOf } from '../bucket.js';
import { seededRandom } from '../random.js';
import { ruleHeaders } from './rule-match.js';

const V1 = '1'.repeat(64);
const V2 = '2'.repeat(64);

const endpoint: EndpointRecord = EndpointRecord.parse({
  name: 'ocr',
  model: 'ocr',
  variants: [
    { version: V1, label: 'v1', weight: 8_000, arm: 'stable' },
    { version: V1, label: 'v1', weight: 1_000, arm: 'baseline' },
    { version: V2, label: 'v2', weight: 1_000, arm: 'canary' },
  ],
  rules: [
    { name: 'testers', match: { users: ['ann', 'bob'] }, arm: 'canary' },
    { name: 'beta', match: { headers: { 'x-ring': ['beta'] }, tenants: ['acme'] }, arm: 'canary' },
    { name: 'west', match: { regions: ['west'] }, arm: 'stable' },
  ],
  salt: 'ocr-1',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
});

const ask = (request: ArmRequest, record: RoutedEndpoint = endpoint, region = 'east') => {
  const said: string[] = [];
  const choice = chooseArm(record, request, region, seededRandom(1), (reason) => said.push(reason));
  const arm = 'code' in choice ? choice.code : armOf(choice.variant);
  return { arm, rule: 'rule' in choice ? choice.rule : undefined, said: said.join('; ') };
};
const users = Array.from({ length: 20_000 }, (_, i) => `u${i}`);

test('the first rule whose conditions all hold names the arm, before the weights', () => {
  expect(ask({ user: 'ann' })).toMatchObject({ arm: 'canary', rule: 'testers' });
  expect(ask({ user: 'ann' }, endpoint, 'west')).toMatchObject({ arm: 'canary', rule: 'testers' });
  expect(ask({ user: 'eve' }, endpoint, 'west')).toMatchObject({ arm: 'stable', rule: 'west' });
  expect(ask({ tenant: 'acme', headers: { 'x-ring': 'beta' } })).toMatchObject({ rule: 'beta' });
  for (const half of [{ tenant: 'acme' }, { headers: { 'x-ring': 'beta' } }])
    expect(ask({ user: 'eve', ...half }).rule).toBeUndefined();
});

test('the reasons say of each rule why it does not match, then bucket and arm', () => {
  expect(ask({ user: 'eve' }).said).toMatch(
    /rule testers does not match: it is for other users; rule beta does not match: .*; rule west .*west; the user falls into bucket \d+ of 10000, which belongs to \w+ \(v\d\)/,
  );
});

test('a version asked for by name goes past the rules', () => {
  expect(ask({ user: 'ann', version: 'v1' })).toMatchObject({ arm: 'stable', rule: undefined });
});

test('a call without a user is refused, drawn or given the named arm, as the endpoint says', () => {
  expect(ask({}).arm).toBe('USER_REQUIRED');
  expect(ask({}, { ...endpoint, withoutUser: { arm: 'baseline' } }).arm).toBe('baseline');
  expect(ask({}, { ...endpoint, withoutUser: 'draw' }).said).toContain('was drawn');
  expect(ask({}, { ...endpoint, assignment: 'request', withoutUser: 'refuse' }).arm).toBe('USER_REQUIRED');
  expect(ask({}, { ...endpoint, assignment: 'request' }).arm).not.toBe('USER_REQUIRED');
});

test('only the headers that rules name are looked for', () => {
  expect([...(ruleHeaders(endpoint) ?? [])]).toEqual(['x-ring']);
  expect(ruleHeaders({})).toBeUndefined();
  expect(ruleHeaders({ rules: [{ name: 'r', match: { users: ['ann'] }, arm: 'a' }] })).toBeUndefined();
});

const inExperiment = (slots: [number, number][], salt: string): RoutedEndpoint => {
  const { rules, ...plain } = endpoint;
  void rules;
  return {
    ...plain,
    salt,
    experiment: { group: 'page', salt: 'page', slots, control: 'stable', holdout: [9_000, 10_000] },
    variants: plain.variants.map((variant) => ({
      ...variant,
      weight: variant.arm === 'canary' ? 10_000 : 0,
    })),
  };
};

test('experiments of one group never share a user, and the holdout is in none of them', () => {
  const [one, two] = [inExperiment([[0, 4_500]], 'one'), inExperiment([[4_500, 9_000]], 'two')];
  const treated = (record: RoutedEndpoint) => users.filter((user) => ask({ user }, record).arm === 'canary');
  const [a, b] = [treated(one), treated(two)];
  expect(new Set([...a, ...b]).size).toBe(a.length + b.length);
  for (const share of [a.length, b.length]) expect(Math.abs(share / users.length - 0.45)).toBeLessThan(0.01);
});

test('a user outside of the experiment gets its control, and the reason says which slot it is in', () => {
  const outside = users.find((user) => ask({ user }, inExperiment([[0, 100]], 's')).arm === 'stable') ?? '';
  expect(ask({ user: outside }, inExperiment([[0, 100]], 's')).said).toMatch(
    /slot \d+ of group page, .*: control, stable \(v1\)/,
  );
});

test('the assignments of two experiments with salts of their own correlate by 0.005 at most', () => {
  const n = 1_000_000;
  let [a, b, both] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const inA = bucketOf('a', `user-${i}`) < 5_000;
    const inB = bucketOf('b', `user-${i}`) < 5_000;
    if (inA) a++;
    if (inB) b++;
    if (inA && inB) both++;
  }
  const [pa, pb] = [a / n, b / n];
  const correlation = (both / n - pa * pb) / Math.sqrt(pa * (1 - pa) * pb * (1 - pb));
  expect(Math.abs(correlation)).toBeLessThanOrEqual(0.005);
});
