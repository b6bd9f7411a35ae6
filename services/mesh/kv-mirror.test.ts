import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { openHomeBuckets } from './kv-mirror.js';
import { waitUntil } from './testing/wait-until.js';

// A mirror asks for a lost origin after ten seconds and more; watch-mirror.ts is for those who cannot wait.
const MIRROR_BACK_MS = 40_000;

let dir: string;
let east: NatsServer;
let west: NatsServer;
let busEast: Bus;
let busWest: Bus;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mirror-'));
  east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  busEast = await connectBus({ url: east.url, name: 'east', region: 'east' });
  busWest = await connectBus({ url: west.url, name: 'west', region: 'west' });
});
afterEach(async () => {
  await Promise.all([busEast.drain(), busWest.drain()]);
  await Promise.all([east.stop(), west.stop()]);
  await rm(dir, { recursive: true, force: true });
});

test('what is written at home is read in the other region, and what is written there goes home', async () => {
  // Both at once, as on a first start: the mirror waits for its origin.
  const [home, away] = await Promise.all([
    openHomeBuckets(busEast, 'east'),
    openHomeBuckets(busWest, 'east'),
  ]);
  const first = await home.catalog.put('endpoint.a', 'one');
  await waitUntil(
    'the mirror has it',
    async () => (await away.catalog.get('endpoint.a'))?.string() === 'one',
  );

  const second = await away.catalog.update('endpoint.a', 'two', first);
  expect((await home.catalog.get('endpoint.a'))?.string()).toBe('two');
  expect((await home.catalog.get('endpoint.a'))?.revision).toBe(second);
  // Compare-and-set is judged at home, whatever the mirror has seen.
  await expect(away.catalog.update('endpoint.a', 'three', first)).rejects.toThrow(/wrong last sequence/);
  await expect(away.catalog.create('endpoint.a', 'again')).rejects.toThrow();
  await away.catalog.delete('endpoint.a');
  expect((await home.catalog.get('endpoint.a'))?.operation).toBe('DEL');
});

test('a mirror reads on while its home is away, refuses writes, and takes them again once the home is back', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  const away = await openHomeBuckets(busWest, 'east');
  await home.catalog.put('kept', 'one');
  await waitUntil('the mirror has it', async () => (await away.catalog.get('kept'))?.string() === 'one');

  await east.kill('SIGKILL');
  expect((await away.catalog.get('kept'))?.string()).toBe('one');
  await expect(away.catalog.put('kept', 'two')).rejects.toThrow();
  await east.restart();

  await waitUntil('a write goes home', async () => (await away.catalog.put('kept', 'three')) > 0);
  expect((await home.catalog.get('kept'))?.string()).toBe('three');
});

test('a region that starts while its home is away opens its mirror', async () => {
  await east.kill('SIGKILL');
  const away = await openHomeBuckets(busWest, 'east');
  expect(await away.catalog.get('late')).toBeNull();
  expect((await away.catalog.status()).streamInfo.config.mirror?.name).toBe('KV_massif_catalog_east');
});

test('the mirror of a killed and restarted region is there as before', async () => {
  const home = await openHomeBuckets(busEast, 'east');
  await openHomeBuckets(busWest, 'east');
  await home.catalog.put('a', 'one');
  await west.kill('SIGKILL');
  await home.catalog.put('a', 'two');
  await west.restart();
  await waitUntil('the bus is back', () => busWest.connected());
  const again = await openHomeBuckets(busWest, 'east');
  await waitUntil(
    'the mirror has caught up',
    async () => (await again.catalog.get('a'))?.string() === 'two',
    MIRROR_BACK_MS,
  );
}, 60_000);

test('artifacts are stored in each region, uploads at home only', async () => {
  await openHomeBuckets(busEast, 'east');
  const { artifacts } = await openHomeBuckets(busWest, 'east');
  await artifacts.putBlob({ name: 'digest' }, Uint8Array.of(1, 2, 3));
  expect([...((await artifacts.getBlob('digest')) ?? [])]).toEqual([1, 2, 3]);
  const other = await busEast.object(buckets.artifacts('east'));
  expect(await other.getBlob('digest')).toBeNull();
  await expect(busWest.object(buckets.uploads('east'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect((await (await busEast.object(buckets.uploads('east'))).status()).ttl).toBeGreaterThan(0);
});
