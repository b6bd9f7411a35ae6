import { expect, test } from 'vitest';
import { DeployRequest, EndpointRecord } from '../../contracts/registry.js';
import { decideEndpoint, type EndpointInputs } from './endpoint.js';
import { resolveVersion } from './resolve.js';
import { anEndpoint, aVersion } from './testing/records.js';

const v1 = aVersion({ label: 'v1' });
const v2 = aVersion({ label: 'v2', createdAt: '2025-01-02T00:00:00.000Z' });
const gone = aVersion({ label: 'gone', state: 'archived' });
const entry = {
  model: 'ocr',
  versions: new Map([v1, v2, gone].map((version) => [version.digest, version])),
  aliases: new Map([['fast', v1.digest]]),
};
const inputs = (current?: EndpointRecord): EndpointInputs => ({
  current,
  resolve: (version) => resolveVersion(entry, version),
  nowMs: 1_700_000_000_000,
  others: [],
  freshSalt: 'fresh',
});
const ask = (variants: { version: string; weight: number }[] = [], more: object = {}) =>
  DeployRequest.parse({ endpoint: 'ocr', model: 'ocr', variants, ...more });

test('without variants the default version takes everything', () => {
  expect(decideEndpoint(ask(), inputs()).variants).toEqual([
    { version: v2.digest, label: 'v2', weight: 10_000 },
  ]);
});

test('variants are stored by digest, whatever word named them', () => {
  const { variants } = decideEndpoint(
    ask([
      { version: 'fast', weight: 9_999 },
      { version: 'v2', weight: 1 },
    ]),
    inputs(),
  );
  expect(variants).toEqual([
    { version: v1.digest, label: 'v1', weight: 9_999 },
    { version: v2.digest, label: 'v2', weight: 1 },
  ]);
});

test('a change of the weights keeps the salt, so that users keep their variant', () => {
  const before = anEndpoint('ocr', { v1: 10_000 });
  expect(decideEndpoint(ask(), inputs(before)).salt).toBe('salt');
  expect(decideEndpoint(ask(), inputs()).salt).toBe('fresh');
});

test('weights that do not add up to 10,000 are refused with what they add up to', () => {
  expect(() => decideEndpoint(ask([{ version: 'v1', weight: 9_000 }]), inputs())).toThrow('add up to 9000');
});

test('one version named twice, an archived one and an unknown one are refused', () => {
  const twice = [
    { version: 'v1', weight: 5_000 },
    { version: 'fast', weight: 5_000 },
  ];
  expect(() => decideEndpoint(ask(twice), inputs())).toThrow('named twice');
  expect(() => decideEndpoint(ask([{ version: 'gone', weight: 10_000 }]), inputs())).toThrow('archived');
  expect(() => decideEndpoint(ask([{ version: 'v9', weight: 10_000 }]), inputs())).toThrow('no version "v9"');
});

test('what comes out is a record that every reader accepts', () => {
  const record = decideEndpoint(
    ask([], { hedgeAfterMs: 50, assignment: 'user', replicasPerRegion: 2 }),
    inputs(),
  );
  expect(EndpointRecord.parse(record)).toEqual(record);
});

test('two arms may carry one version when each has a name, and an arm named twice is refused', () => {
  const arms = [
    { version: 'v1', weight: 9_000, arm: 'stable' },
    { version: 'v1', weight: 500, arm: 'baseline' },
    { version: 'v2', weight: 500, arm: 'canary' },
  ];
  const { variants } = decideEndpoint(ask(arms), inputs());
  expect(variants.map(({ arm }) => arm)).toEqual(['stable', 'baseline', 'canary']);
  const twice = arms.map((one) => ({ ...one, arm: 'stable' }));
  expect(() => decideEndpoint(ask(twice), inputs())).toThrow('The arm "stable" is named twice');
});

test('a change of weights or arms begins a new epoch, any other change does not', () => {
  const share = (weight: number) => [
    { version: 'v1', weight: 10_000 - weight },
    { version: 'v2', weight },
  ];
  const first = decideEndpoint(ask(share(100)), inputs());
  const again = decideEndpoint(ask(share(100), { timeoutMs: 5 }), inputs(first));
  const grown = decideEndpoint(ask(share(500)), inputs(again));
  expect([first.epoch, again.epoch, grown.epoch]).toEqual([1, 1, 2]);
});

test('users of an arm that grew stay there when it shrinks elsewhere: the table remembers who owns what', () => {
  const deploy = (current: EndpointRecord | undefined, v1: number) =>
    decideEndpoint(
      ask([
        { version: 'v1', weight: v1 },
        { version: 'v2', weight: 10_000 - v1 },
      ]),
      inputs(current),
    );
  const back = deploy(deploy(deploy(undefined, 9_000), 8_000), 9_000);
  expect(back.table).toEqual([
    [8_000, 'v1'],
    [1_000, 'v2'],
    [1_000, 'v1'],
  ]);
});

test('rules and shadow stay until they are taken away, and one that names a lost arm is refused', () => {
  const rules = [{ name: 'testers', match: { users: ['ann'] }, arm: 'v2' }];
  const shadow = { arm: 'v2', share: 100, tolerance: 1e-3, compare: true };
  const first = decideEndpoint(ask([], { rules, shadow }), inputs());
  expect(decideEndpoint(ask(), inputs(first))).toMatchObject({ rules, shadow });
  const bare = decideEndpoint(ask([], { rules: [], shadow: null }), inputs(first));
  expect([bare.rules, bare.shadow]).toEqual([undefined, undefined]);
  expect(() => decideEndpoint(ask([{ version: 'v1', weight: 10_000 }]), inputs(first))).toThrow(
    'The rule "testers" names the arm "v2"',
  );
});
