import { expect, test } from 'vitest';
import { keys } from '../../contracts/buckets.js';
import { EndpointRecord } from '../../contracts/registry.js';
import { KnownRecords } from './known-records.js';

const value = (weight: number) =>
  new TextEncoder().encode(
    JSON.stringify({
      name: 'ocr.v4',
      model: 'ocr',
      variants: [
        { version: '1'.repeat(64), label: 'v1', weight },
        { version: '2'.repeat(64), label: 'v2', weight: 10_000 - weight },
      ],
      salt: 's',
      assignment: 'request',
      replicasPerRegion: 1,
      timeoutMs: 1_000,
      updatedAt: '2026-01-01T00:00:00Z',
    }),
  );
const key = keys.endpoint('ocr.v4');
const endpoints = (connections: number) => new KnownRecords(connections, 'endpoint.', EndpointRecord);
const weightIn = (table: KnownRecords<EndpointRecord>) => table.get('ocr.v4')?.variants[0]?.weight;

test('the newest revision counts, over whichever connection it came', () => {
  const table = endpoints(2);
  table.take(0, { key, revision: 5, value: value(5_000) });
  table.take(1, { key, revision: 3, value: value(3_000) });
  expect(weightIn(table)).toBe(5_000);
  table.take(1, { key, revision: 7, value: value(7_000) });
  expect(weightIn(table)).toBe(7_000);
});

test('a deletion counts over an older entry of another connection, and a new entry over the deletion', () => {
  const table = endpoints(2);
  table.take(0, { key, revision: 5, value: value(5_000) });
  table.take(1, { key, revision: 5, value: value(5_000) });
  table.take(0, { key, revision: 5, value: undefined });
  expect(table.all()).toEqual([]);
  table.take(1, { key, revision: 8, value: value(8_000) });
  expect(weightIn(table)).toBe(8_000);
});

test('an entry that cannot be read leaves what was known, and other keys are no endpoints', () => {
  const table = endpoints(1);
  table.take(0, { key, revision: 1, value: value(1_000) });
  expect(table.take(0, { key, revision: 2, value: new TextEncoder().encode('{"name":') })).toBe(false);
  expect(table.take(0, { key, revision: 2, value: new TextEncoder().encode('{"name":"ocr.v4"}') })).toBe(
    false,
  );
  expect(table.take(0, { key: 'version.ocr.1', revision: 3, value: new Uint8Array() })).toBe(true);
  expect(weightIn(table)).toBe(1_000);
});
