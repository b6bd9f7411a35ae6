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
