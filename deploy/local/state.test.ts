import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { STATE_FILE, StateFile } from '../../contracts/state-file.js';
import { ownIdentity } from './identity.mjs';
import { type MeshState, readRunningState, readState, removeState, stateFile, writeState } from './state.mjs';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-state-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const state: MeshState = {
  version: '0.0.0',
  development: false,
  phase: 'ready',
  ...ownIdentity(),
  undertaker: 0,
  startedAt: '2020-01-01T00:00:00.000Z',
  keys: '/keys',
  regions: [
    {
      name: 'east',
      home: true,
      rest: 'http://127.0.0.1:7400',
      nats: 'nats://127.0.0.1:7401',
      consul: 'http://127.0.0.1:7404',
    },
  ],
  processes: [],
};

test('the mesh of a living process is found, until it says goodbye', () => {
  writeState(dir, state);
  expect(readRunningState(dir)).toEqual(state);
  removeState(dir);
  expect(readRunningState(dir)).toBeUndefined();
});

test('a pid that now belongs to another process is not believed', () => {
  writeState(dir, { ...state, start: 'another boot/1' });
  expect(readState(dir)?.pid).toBe(process.pid);
  expect(readRunningState(dir)).toBeUndefined();
});

test('only this user can read it', async () => {
  writeState(dir, state);
  expect((await stat(stateFile(dir))).mode & 0o777).toBe(0o600);
});

test('the command line finds in it what the contract promises', async () => {
  writeState(dir, state);
  const { start: _start, undertaker: _undertaker, processes: _processes, ...promised } = state;
  expect(StateFile.parse(JSON.parse(await readFile(stateFile(dir), 'utf8')))).toEqual(promised);
  expect(stateFile('.massif')).toBe(STATE_FILE);
});
