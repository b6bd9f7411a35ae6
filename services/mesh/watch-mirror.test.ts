import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { openHomeBuckets } from './kv-mirror.js';
import { waitUntil } from './testing/wait-until.js';
import { watchMirror } from './watch-mirror.js';

let dir: string;
let east: NatsServer;
let west: NatsServer;
let busEast: Bus;
let busWest: Bus;
let end: AbortController;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mirror-'));
  east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  busEast = await connectBus({ url: east.url, name: 'east', region: 'east' });
  busWest = await connectBus({ url: west.url, name: 'west', region: 'west' });
  end = new AbortController();
});
afterEach(async () => {
  end.abort();
  await Promise.all([busEast.drain(), busWest.drain()]);
  await Promise.all([east.stop(), west.stop()]);
  await rm(dir, { recursive: true, force: true });
});

function follow() {
  const state = new Map<string, string>();
  const events: string[] = [];
  const listed = watchMirror(
    busWest,
    'east',
    buckets.catalog,
    ({ key, revision, value }) => {
      events.push(`${key}@${revision}`);
      if (value) state.set(key, Buffer.from(value).toString());
      else state.delete(key);
    },
    end.signal,
  );
  return { state, events, listed };
}

test('each entry is told once, although the mirror and its home both tell it', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  const away = await openHomeBuckets(busWest, 'east');
  await home.catalog.put('a', 'one');
  const { state, events, listed } = follow();
  await listed;
  expect(state.get('a')).toBe('one');
  await home.catalog.delete('a');
  await home.catalog.put('b', 'one');
  await waitUntil('the news is here', () => state.get('b') === 'one');
  await waitUntil('the mirror has it too', async () => (await away.catalog.get('b'))?.string() === 'one');
  expect(events).toEqual(['a@1', 'a@2', 'b@3']);
});

test('a large bucket is listed over the leaf link in full', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  await Promise.all(
    Array.from({ length: 3_000 }, (_, i) => home.catalog.put(`endpoint.${i}`, 'x'.repeat(1_000))),
  );
  const { state, listed } = follow();
  await listed;
  expect(state.size).toBe(3_000);
});

test('while the home is away the last entries stay, and after it is back the news comes at once', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  await openHomeBuckets(busWest, 'east');
  for (const key of ['kept', 'changed', 'deleted']) await home.catalog.put(key, 'one');
  const { state, events, listed } = follow();
  await listed;
  await waitUntil('all is known', () => state.size === 3);
  events.length = 0;

  await east.kill('SIGKILL');
  await east.restart();
  await waitUntil('home takes changes', async () => {
    await home.catalog.put('changed', 'two');
    await home.catalog.delete('deleted');
    return true;
  });
  // After a longer absence the mirror by itself needs ten seconds and more.
  await waitUntil('the change is here', () => state.get('changed') === 'two' && !state.has('deleted'), 8_000);
  expect(state.get('kept')).toBe('one');
  expect(events.filter((event) => event.startsWith('kept'))).toEqual([]);
});

test('a region that starts without its home knows what its mirror knew, and hears its home once it is there', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  const away = await openHomeBuckets(busWest, 'east');
  await home.catalog.put('kept', 'one');
  await waitUntil('the mirror has it', async () => (await away.catalog.get('kept'))?.string() === 'one');
  await east.kill('SIGKILL');

  const { state, listed } = follow();
  await listed;
  expect(state.get('kept')).toBe('one');

  await east.restart();
  await waitUntil('home takes changes', async () => (await home.catalog.put('kept', 'two')) > 0);
  await waitUntil('the change is here', () => state.get('kept') === 'two', 8_000);
});

test("a kill of the region's own server costs the watcher nothing but time", async () => {
  const home = await openHomeBuckets(busEast, 'east');
  await openHomeBuckets(busWest, 'east');
  await home.catalog.put('kept', 'one');
  await home.catalog.put('deleted', 'one');
  const { state, listed } = follow();
  await listed;
  await west.kill('SIGKILL');
  await home.catalog.put('kept', 'two');
  await home.catalog.delete('deleted');
  await west.restart();
  await waitUntil('the changes are here', () => state.get('kept') === 'two' && !state.has('deleted'));
});
