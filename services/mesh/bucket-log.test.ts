import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { waitUntil } from './testing/wait-until.js';
import { BucketLog, type BucketState } from './bucket-log.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-log-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'log', region: 'east' });
});
afterEach(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

class Values implements BucketState {
  readonly map = new Map<string, unknown>();
  apply({ key, value }: { key: string; value: unknown }): void {
    if (value === undefined) this.map.delete(key);
    else this.map.set(key, value);
  }
  reset(): void {
    this.map.clear();
  }
}

async function aLog() {
  const values = new Values();
  const log = await BucketLog.open(bus, 'things', values);
  const put = (key: string, value: unknown) => log.transact(() => ({ change: { key, value }, result: key }));
  return { values: values.map, log, put };
}

test('what one wrote the other sees after refresh, deletions included', async () => {
  const one = await aLog();
  const other = await aLog();
  await one.put('a', 1);
  await one.put('b', 2);
  await one.put('a', undefined);
  expect(await other.log.refresh()).toBe(true);
  expect([...other.values]).toEqual([['b', 2]]);
  expect(await other.log.refresh()).toBe(false);
  expect(other.log.revision).toBe(one.log.revision);
});

test('two who decide on the same state at once: one write goes through and the other decides anew on it', async () => {
  const [one, other] = [await aLog(), await aLog()];
  const claim = (who: Awaited<ReturnType<typeof aLog>>, name: string) =>
    who.log.transact(() => {
      const owner = who.values.get('label');
      return owner === undefined
        ? { change: { key: 'label', value: name }, result: name }
        : { result: owner };
    });
  const owners = await Promise.all([claim(one, 'one'), claim(other, 'other')]);
  expect(owners[0]).toBe(owners[1]);
});

test('a writer that nobody was ahead of asks nothing before it writes, and those who look at once look together', async () => {
  const { log, put } = await aLog();
  const looks: string[] = [];
  bus.nc.subscribe('$JS.API.STREAM.INFO.KV_things', {
    callback: (_, { subject }) => void looks.push(subject),
  });
  await bus.nc.flush();
  for (let i = 0; i < 3; i++) await put('a', i);
  await bus.nc.flush();
  expect(looks).toEqual([]);
  const sights = await Promise.all(Array.from({ length: 5 }, () => log.refresh()));
  expect(sights).toEqual([false, false, false, false, false]);
  // The copy may come after the answer, never after what was sent later.
  await bus.nc.flush();
  expect(looks.length).toBe(1);
});

test('counting by many writers at once loses nothing', async () => {
  const logs = await Promise.all([aLog(), aLog(), aLog()]);
  const count = (who: Awaited<ReturnType<typeof aLog>>) =>
    who.log.transact(() => ({
      change: { key: 'n', value: Number(who.values.get('n') ?? 0) + 1 },
      result: 0,
    }));
  await Promise.all(logs.flatMap((log) => Array.from({ length: 10 }, () => count(log))));
  await logs[0]?.log.refresh();
  expect(logs[0]?.values.get('n')).toBe(30);
});

test('a decision that refuses writes nothing and throws what it says', async () => {
  const { log, values } = await aLog();
  await expect(
    log.transact(() => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  await log.refresh();
  expect(values.size).toBe(0);
});

test('the last write purged from the stream does not block the next one', async () => {
  const { log, put, values } = await aLog();
  await put('a', 1);
  await put('b', 2);
  const kv = await bus.kv('things');
  await kv.purge('b');
  await log.refresh();
  const manager = await bus.js.jetstreamManager();
  await manager.streams.purge('KV_things', { filter: '$KV.things.b' });
  const late = await aLog();
  await late.put('c', 3);
  await log.refresh();
  expect([...values.keys()]).toEqual(['a', 'c']);
});

test('a bucket that was lost and made again is taken as it is now', async () => {
  const { log, put, values } = await aLog();
  await put('a', 1);
  await put('a', 2);
  await (await bus.kv('things')).destroy();
  await (await connectBus({ url: nats.url, name: 'again', region: 'east' })).kv('things', { create: {} });
  await put('b', 1);
  await log.refresh();
  expect([...values]).toEqual([['b', 1]]);
});

test('with the server gone every call fails at once and says so, and after its return the log goes on', async () => {
  const { log, put, values } = await aLog();
  await put('a', 1);
  await nats.kill('SIGKILL');
  await waitUntil('the bus has noticed', () => !bus.connected());
  await expect(log.refresh()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(put('b', 2)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await nats.restart();
  await waitUntil('the bus is back', () => bus.connected());
  await put('b', 3);
  expect([...values]).toEqual([
    ['a', 1],
    ['b', 3],
  ]);
});

test('a log that begins with hundreds of entries, some of them deleted or overwritten, has what is there', async () => {
  const writer = await aLog();
  for (let i = 0; i < 150; i++) await writer.put(`k${i % 100}`, i);
  await writer.put('k0', undefined);
  await writer.put('k99', undefined);
  const late = await aLog();
  expect(late.values).toEqual(writer.values);
  expect(late.values.size).toBe(98);
  expect(late.log.revision).toBe(writer.log.revision);
  await writer.put('k1', 'new');
  expect(await late.log.refresh()).toBe(true);
  expect(late.values.get('k1')).toBe('new');
});
