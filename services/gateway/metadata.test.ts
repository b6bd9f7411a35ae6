import { expect, test } from 'vitest';
import type { EndpointRecord, VersionRecord } from '../../contracts/registry.js';
import { endpointReady, modelMetadata, pipelineEntry, repositoryIndex, variantNamed } from './metadata.js';

const digest = (digit: string) => digit.repeat(64);
const endpoint: EndpointRecord = {
  name: 'ocr.v4',
  model: 'ocr',
  variants: [
    { version: digest('a'), label: '1.0', weight: 1_000 },
    { version: digest('b'), label: '1.1', weight: 9_000 },
    { version: digest('c'), label: '0.9', weight: 0 },
  ],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  updatedAt: '2026-01-01T00:00:00Z',
};
const replicas =
  (ready: string, loading = '') =>
  (version: string) => ({
    ready: ready.includes(version[0] ?? '-') ? 1 : 0,
    known: (ready + loading).includes(version[0] ?? '-') ? 1 : 0,
  });

test('without a version the weightiest variant speaks for the endpoint', () => {
  expect(variantNamed(endpoint, undefined).label).toBe('1.1');
});

test('a version is found by label, digest or the beginning of its digest', () => {
  expect(variantNamed(endpoint, '0.9').version).toBe(digest('c'));
  expect(variantNamed(endpoint, digest('a')).label).toBe('1.0');
  expect(variantNamed(endpoint, digest('a').slice(0, 12)).label).toBe('1.0');
});

test('a version that is none of the variants is refused with their labels', () => {
  expect(() => variantNamed(endpoint, '2.0')).toThrow(/1\.1, 1\.0, 0\.9/);
  expect(() => variantNamed(endpoint, 'a')).toThrow(expect.objectContaining({ code: 'VERSION_UNKNOWN' }));
});

test('an endpoint is ready when every variant with traffic has a replica', () => {
  expect(endpointReady(endpoint, replicas('ab'))).toBe(true);
  expect(endpointReady(endpoint, replicas('b'))).toBe(false);
  expect(endpointReady(endpoint, replicas('b'), '1.1')).toBe(true);
  expect(endpointReady(endpoint, replicas('b'), '0.9')).toBe(false);
});

test('the index names the state of every variant, and only ready ones when asked so', () => {
  const states = (readyOnly: boolean) =>
    repositoryIndex([endpoint], replicas('b', 'a'), readyOnly).map(
      ({ version, state }) => `${version} ${state}`,
    );
  expect(states(false)).toEqual(['1.0 LOADING', '1.1 READY', '0.9 UNAVAILABLE']);
  expect(states(true)).toEqual(['1.1 READY']);
});

test('the index has pipelines at their revision, ready or with the reason', () => {
  const entry = (ready: boolean) => pipelineEntry({ name: 'page', revision: 2 }, ready);
  expect(entry(true)).toEqual({ name: 'page', version: '2', state: 'READY', reason: '' });
  expect(entry(false)).toMatchObject({ state: 'UNAVAILABLE', reason: expect.stringContaining('step') });
});

test('metadata has the tensors of the version and the labels of all variants', () => {
  const version = {
    digest: digest('b'),
    model: 'ocr',
    label: '1.1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3], dims: ['n', ''] }],
    outputs: [{ name: 'y', datatype: 'INT64', shape: [1], dims: [''] }],
    card: { licence: 'Apache-2.0' },
    signer: { person: 'ann' },
  } as unknown as VersionRecord;
  expect(modelMetadata(endpoint, version)).toEqual({
    name: 'ocr.v4',
    versions: ['1.0', '1.1', '0.9'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'y', datatype: 'INT64', shape: [1] }],
    properties: { model: 'ocr', version: '1.1', digest: digest('b'), licence: 'Apache-2.0', signer: 'ann' },
  });
});

test('metadata of a stateful version names the inputs that may stay away within a sequence', () => {
  const version = {
    inputs: [],
    outputs: [],
    card: { licence: 'MIT', state: [{ input: 'h', output: 'hN', initial: 'zeros' }] },
    signer: { person: 'ann' },
  } as unknown as VersionRecord;
  expect(modelMetadata(endpoint, version).properties).toMatchObject({
    stateful: 'true',
    sequence_state: 'h (from hN)',
  });
});
