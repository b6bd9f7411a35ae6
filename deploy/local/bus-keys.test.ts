import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect as connectMassif } from '../../client/connect.js';
import { BusClient } from '../../client/nest.js';
import { subjects } from '../../contracts/subjects.js';
import { connectBus } from '../../services/mesh/bus.js';
import { connectAs } from '../../services/mesh/bus-key.js';
import { z } from 'zod';
import { busKeyPath, prepareBusKeys } from './bus-keys.js';
import { startNats } from './nats.js';

let dir: string;
let keys: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-bus-keys-'));
  keys = join(dir, 'keys');
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('a second start finds the same keys, which only this user can read', async () => {
  const first = await prepareBusKeys(keys, ['east']);
  const before = await readFile(busKeyPath(keys, 'router'), 'utf8');
  const again = await prepareBusKeys(keys, ['east']);
  expect(await readFile(busKeyPath(keys, 'router'), 'utf8')).toBe(before);
  expect(again).toEqual(first);
  for (const name of await readdir(join(keys, 'nats')))
    expect((await stat(join(keys, 'nats', name))).mode & 0o777, name).toBe(0o600);
  const conf = await readFile(first.config, 'utf8');
  expect(conf).not.toContain(before);
});

test('whoever shows no key is refused', async () => {
  const access = await prepareBusKeys(keys, ['east']);
  await using nats = await startNats({ dir: join(dir, 'east'), region: 'east', access });
  await expect(connect({ servers: nats.url, maxReconnectAttempts: 0 })).rejects.toThrow(/authorization/i);
  const known = await connect({ ...connectAs(busKeyPath(keys, 'router')), servers: nats.url });
  await known.close();
});

test('an application without a key hears that it lacks one, not that nobody is there; with one it is let in', async () => {
  const access = await prepareBusKeys(keys, ['east']);
  await using nats = await startNats({ dir: join(dir, 'east'), region: 'east', access });
  const refused = { code: 'NOT_ALLOWED', message: expect.stringContaining('key') };
  await expect(connectMassif({ nats: nats.url, timeoutMs: 500 })).rejects.toMatchObject(refused);
  await expect(new BusClient({ url: nats.url }).connect()).rejects.toMatchObject(refused);
  const key = busKeyPath(keys, 'client');
  await (await connectMassif({ nats: nats.url, key, mode: 'routed' })).close();
  const proxy = new BusClient({ url: nats.url, key });
  await proxy.connect();
  await proxy.close();
});

test('what the key does not allow is told as such, at once', async () => {
  const access = await prepareBusKeys(keys, ['east']);
  await using nats = await startNats({ dir: join(dir, 'east'), region: 'east', access });
  const bus = await connectBus({ url: nats.url, name: 'engine', key: busKeyPath(keys, 'engine') });
  try {
    const asked = bus.request(subjects.registry('deploy'), z.unknown(), {}, { timeoutMs: 10_000 });
    await expect(asked).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
      message: expect.stringContaining('deploy'),
    });
  } finally {
    await bus.drain();
  }
});

test('regions join with their password and with no other', async () => {
  const access = await prepareBusKeys(keys, ['east', 'west']);
  await using home = await startNats({ dir: join(dir, 'east'), region: 'east', access });
  await using west = await startNats({ dir: join(dir, 'west'), region: 'west', home: home.leafUrl, access });
  await west.linked();
  const wrong = { ...access, linkPassword: 'guessed' };
  const options = { dir: join(dir, 'north'), region: 'north', home: home.leafUrl, awaitHome: false };
  await using stranger = await startNats({ ...options, access: wrong });
  const log = () => readFile(join(dir, 'east', 'nats.log'), 'utf8');
  await expect.poll(log, { timeout: 20_000 }).toMatch(/authentication error/i);
  await expect(stranger.linked.bind(stranger, 1)()).rejects.toThrow(/0 leaf links/);
});
