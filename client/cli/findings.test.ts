import { expect, test } from 'vitest';
import type { SeenProcess } from '../processes.js';
import {
  clockFinding,
  endpointFinding,
  httpFinding,
  natsFinding,
  nodeFinding,
  processFindings,
  versionFinding,
} from './findings.js';

const seen = (
  instance: string,
  region: string,
  services: string[],
  more: Partial<SeenProcess> = {},
): SeenProcess => ({
  instance,
  region,
  services,
  pid: 1,
  version: '0.1.0',
  startedAt: '2026-01-01T00:00:00Z',
  rssBytes: 1,
  now: '2026-01-01T00:00:10.000Z',
  roundTripMs: 2,
  ...more,
});
const whole = [
  seen('control', 'east', ['registry']),
  ...['east', 'west'].flatMap((region) => [
    seen(`edge-${region}`, region, ['router', 'gateway']),
    seen(`shard-${region}-1`, region, ['shard']),
  ]),
];
const server = { version: '2.10.27', region: 'east', jetstream: true, roundTripMs: 0.4 };

test('old servers and runtimes are told with the version that is needed', () => {
  expect(nodeFinding('v20.20.2').state).toBe('ok');
  expect(nodeFinding('v22.0.0').state).toBe('ok');
  expect(nodeFinding('v20.18.9')).toMatchObject({
    state: 'bad',
    todo: expect.stringContaining('20.19') as string,
  });
  expect(natsFinding({ url: 'u', server }).state).toBe('ok');
  expect(natsFinding({ url: 'u', server: { ...server, version: '2.9.10' } }).todo).toMatch(/2\.10/);
  expect(natsFinding({ url: 'u', server: { ...server, jetstream: false } }).todo).toMatch(/JetStream/);
  expect(natsFinding({ url: 'u', server: { ...server, region: '' } }).todo).toMatch(/domain/);
  expect(natsFinding({ url: 'u' })).toMatchObject({ state: 'bad', says: 'nobody answers' });
  expect(httpFinding({ about: 'consul', url: 'u' }).state).toBe('bad');
});

test('a whole mesh has nothing to tell', () => {
  expect(processFindings(whole, ['east', 'west']).every(({ state }) => state === 'ok')).toBe(true);
  expect(versionFinding(whole, '0.1.0').state).toBe('ok');
  expect(endpointFinding('ocr', true, '').state).toBe('ok');
});

test('what is missing is named with its region; a missing registry stops no call', () => {
  const withoutWest = whole.filter(({ region }) => region !== 'west');
  const [, , west] = processFindings(withoutWest, ['east', 'west']);
  expect(west).toMatchObject({
    about: 'region west',
    state: 'bad',
    says: 'router and gateway and shard not seen',
  });
  expect(processFindings(whole.slice(1), ['east'])[0]).toMatchObject({ about: 'registry', state: 'warn' });
});

test('another build is told by the name of its process', () => {
  const mixed = [...whole.slice(1), seen('control', 'east', ['registry'], { version: '0.0.9' })];
  expect(versionFinding(mixed, '0.1.0')).toMatchObject({
    state: 'warn',
    says: expect.stringContaining('control 0.0.9') as string,
  });
});

test('clocks may differ by what the network hides, and by a second', () => {
  const asked = Date.parse('2026-01-01T00:00:10.000Z');
  expect(clockFinding(whole, asked).state).toBe('ok');
  const slow = [seen('far', 'west', ['shard'], { now: '2026-01-01T00:00:13.000Z', roundTripMs: 3_000 })];
  expect(clockFinding(slow, asked).state).toBe('ok');
  const off = [seen('far', 'west', ['shard'], { now: '2026-01-01T00:00:15.000Z' })];
  expect(clockFinding(off, asked)).toMatchObject({ state: 'warn', says: 'far is 5.0 s off' });
});
