import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StateFile } from '../../contracts/state-file.js';
import { findMesh, processRuns, type Surroundings } from './find-mesh.js';

const doors = (name: string, port: number, home: boolean) => ({
  name,
  home,
  rest: `http://127.0.0.1:${port}`,
  nats: `nats://127.0.0.1:${port + 1}`,
  consul: `http://127.0.0.1:${port + 2}`,
});
const state: StateFile = {
  version: '0.1.0',
  phase: 'ready',
  pid: 4_711,
  startedAt: '2026-01-01T00:00:00Z',
  development: false,
  keys: '/keys',
  regions: [doors('east', 7_400, true), doors('west', 7_410, false)],
};
let checkout: string;
beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'massif-state-'));
  await mkdir(join(checkout, '.massif'));
  await mkdir(join(checkout, 'deep', 'down'), { recursive: true });
  await writeFile(
    join(checkout, '.massif', 'state.json'),
    JSON.stringify({ ...state, more: 'is passed over' }),
  );
});
afterAll(() => rm(checkout, { recursive: true, force: true }));

const find = (more: Partial<Surroundings> = {}) =>
  findMesh({ nats: undefined, region: undefined, env: {}, cwd: checkout, isRunning: () => true, ...more });

test('--nats comes first, then MASSIF_NATS_URLS, then the state file upward from here', () => {
  const env = { MASSIF_NATS_URLS: 'nats://c:1, nats://d:2' };
  expect(find({ nats: 'nats://a:1,nats://b:2', env }).urls).toEqual(['nats://a:1', 'nats://b:2']);
  expect(find({ env }).urls).toEqual(['nats://c:1', 'nats://d:2']);
  expect(find({ cwd: join(checkout, 'deep', 'down') })).toEqual({
    urls: ['nats://127.0.0.1:7401', 'nats://127.0.0.1:7411'],
    foundIn: join(checkout, '.massif', 'state.json'),
    state,
  });
});

test('the region that is named is the nearest', () => {
  expect(find({ region: 'west' }).urls).toEqual(['nats://127.0.0.1:7411', 'nats://127.0.0.1:7401']);
  expect(() => find({ region: 'north' })).toThrow(/east, west/);
});

test('a mesh that has ended, and none at all, are told with what to do', () => {
  expect(() => find({ isRunning: (pid) => pid !== 4_711 })).toThrow(/has ended: run npm start/);
  expect(() => find({ cwd: tmpdir() })).toThrow(/run npm start, or say where it is with --nats/);
});

test('a state file of another build is told', async () => {
  const other = await mkdtemp(join(tmpdir(), 'massif-state-'));
  await mkdir(join(other, '.massif'));
  await writeFile(join(other, '.massif', 'state.json'), '{"pid": 1}');
  expect(() => find({ cwd: other })).toThrow(/not what this build writes/);
  await rm(other, { recursive: true });
});

test('a process runs as long as it is there', () => {
  expect(processRuns(process.pid)).toBe(true);
  expect(processRuns(2 ** 22 + 1)).toBe(false);
});
