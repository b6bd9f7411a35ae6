import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { waitUntil } from './testing/wait-until.js';
import { watchBucket } from './watch-bucket.js';

let dir: string;
let nats: NatsServer;
let watcher: Bus;
let writer: Bus;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-watch-'));
  nats = await startNats({ dir, region: 'east' });
  watcher = await connectBus({ url: nats.url, name: 'watcher', region: 'east' });
  writer = await connectBus({ url: nats.url, name: 'writer', region: 'east' });
});
afterAll(async () => {
  await Promise.all([watcher.drain(), writer.drain()]);
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What a watcher knows, and every event it was told. */
function follow(bucket: string, signal: AbortSignal) {
  const state = new Map<string, string>();
  const events: string[] = [];
  const listed = watchBucket(
    watcher,
    bucket,
    ({ key, value }) => {
      events.push(value ? `${key}=${Buffer.from(value).toString()}` : `${key} deleted`);
      if (value) state.set(key, Buffer.from(value).toString());
      else state.delete(key);
    },
    signal,
  );
  return { state, events, listed };
}

test('a watch tells what is there, says when that is all, then tells changes and deletions', async () => {
  const kv = await writer.kv('told', { create: {} });
  await kv.put('a', '1');
  await kv.put('b', '1');
  await kv.put('gone', '1');
  await kv.delete('gone');
  const end = new AbortController();
  const { state, events, listed } = follow('told', end.signal);
  await listed;
  expect(events).toEqual(['a=1', 'b=1']);
  await kv.put('a', '2');
  await kv.delete('b');
  await waitUntil('the changes arrive', () => state.get('a') === '2' && !state.has('b'));
  expect(events).toEqual(['a=1', 'b=1', 'a=2', 'b deleted']);
  end.abort();
});

test('an empty bucket is listed too, and a bucket that comes later is found', async () => {
  const end = new AbortController();
  const { state, listed } = follow('later', end.signal);
  const kv = await writer.kv('later', { create: {} });
  await listed;
  expect(state.size).toBe(0);
  await kv.put('a', '1');
  await waitUntil('the entry arrives', () => state.get('a') === '1');
  end.abort();
});

test('after a kill of the server the watch goes on, and tells only what changed meanwhile', async () => {
  const kv = await writer.kv('kept', { create: {} });
  for (const key of ['same', 'changed', 'deleted', 'purged']) await kv.put(key, '1');
  const end = new AbortController();
  const { state, events, listed } = follow('kept', end.signal);
  await listed;
  events.length = 0;

  await nats.kill('SIGKILL');
  await waitUntil('the bus notices', () => !watcher.connected() && !writer.connected());
  await nats.restart();
  await waitUntil('the writer is back', () => writer.connected());
  // The watcher may be back before or after these: both ways it must end up right.
  await kv.put('changed', '2');
  await kv.delete('deleted');
  const manager = await writer.js.jetstreamManager();
  await manager.streams.purge('KV_kept', { filter: '$KV.kept.purged' });

  await waitUntil('the change is seen', () => state.get('changed') === '2');
  await waitUntil('the deletion is seen', () => !state.has('deleted'));
  await kv.put('new', '1');
  await waitUntil('the watch is alive', () => state.get('new') === '1');
  expect(events.filter((event) => event.startsWith('same'))).toEqual([]);
  expect(new Set(events).size).toBe(events.length);
  end.abort();
});

test('a key that vanished without a trace while the server was away is told as deleted', async () => {
  const kv = await writer.kv('vanished', { create: {} });
  await kv.put('stays', '1');
  await kv.put('vanishes', '1');
  const end = new AbortController();
  const { state, listed } = follow('vanished', end.signal);
  await listed;
  expect([...state.keys()]).toEqual(['stays', 'vanishes']);
  // A purge writes no marker, so only a new list can tell; the watch makes one after every reconnect.
  const manager = await writer.js.jetstreamManager();
  await manager.streams.purge('KV_vanished', { filter: '$KV.vanished.vanishes' });
  await nats.kill('SIGKILL');
  await nats.restart();
  await waitUntil('the new list tells', () => !state.has('vanishes'));
  expect([...state.keys()]).toEqual(['stays']);
  // Each connection comes back in its own time; who is next asks at once.
  await waitUntil('the writer is back too', () => writer.connected());
  end.abort();
});

test('an entry that its reader cannot digest costs that entry only', async () => {
  const kv = await writer.kv('indigestible', { create: {} });
  const end = new AbortController();
  const eaten: string[] = [];
  const listed = watchBucket(
    watcher,
    'indigestible',
    ({ key }) => {
      if (key === 'bad') throw new Error('cannot read that');
      eaten.push(key);
    },
    end.signal,
  );
  await listed;
  await kv.put('bad', '1');
  await kv.put('good', '1');
  await waitUntil('the next entry is read', () => eaten.includes('good'));
  end.abort();
});
