import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets } from '../../contracts/buckets.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { openHomeBuckets } from './kv-mirror.js';
import { ArtifactReader } from './artifact-reader.js';

let dir: string;
let servers: NatsServer[] = [];
let east: Bus;
let west: Bus;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-artifacts-'));
  const home = await startNats({ dir: join(dir, 'east'), region: 'east' });
  const other = await startNats({ dir: join(dir, 'west'), region: 'west', home: home.leafUrl });
  servers = [other, home];
  east = await connectBus({ url: home.url, name: 'test', region: 'east' });
  west = await connectBus({ url: other.url, name: 'test', region: 'west' });
  await openHomeBuckets(east, 'east');
  await openHomeBuckets(west, 'east');
}, 30_000);
afterAll(async () => {
  await Promise.all([east.drain(), west.drain()]);
  for (const server of servers) await server.stop();
  await rm(dir, { recursive: true, force: true });
});

// Several parts, and a last one that is not full.
const bytes = randomBytes(700_001);
const digest = createHash('sha256').update(bytes).digest('hex');

const whole = async (reader: ArtifactReader): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const part of reader.read(digest)) parts.push(part);
  return Buffer.concat(parts);
};

test("a resource is read part by part, from the own region's store and from the home's across the leaf link", async () => {
  const store = await east.object(buckets.artifacts('east'));
  await store.putBlob({ name: digest }, bytes);
  const own = new ArtifactReader(east, { bucket: buckets.artifacts('east') });
  expect((await whole(own)).equals(bytes)).toBe(true);
  const acrossTheLink = new ArtifactReader(west, { bucket: buckets.artifacts('east'), domain: 'east' });
  expect((await whole(acrossTheLink)).equals(bytes)).toBe(true);
});

test('what is not there, was deleted or lies in no bucket is unavailable, at once', async () => {
  await expect(whole(new ArtifactReader(west, { bucket: buckets.artifacts('west') }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  await expect(whole(new ArtifactReader(west, { bucket: 'massif_none' }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  const store = await east.object(buckets.artifacts('east'));
  await store.delete(digest);
  await expect(whole(new ArtifactReader(east, { bucket: buckets.artifacts('east') }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
