import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../mesh/log.js';
import { ArtifactCache, type ArtifactSource } from './artifact-cache.js';

const content = Buffer.from('a model, say');
const digest = createHash('sha256').update(content).digest('hex');
const resource = { name: 'model.onnx', digest, bytes: content.length };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-cache-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A store with knobs: what it gives, and how often it was asked. */
const store = (name: string, parts: () => Uint8Array[]) => {
  const asked = { times: 0 };
  const read = async function* () {
    asked.times++;
    await Promise.resolve();
    yield* parts();
  };
  return { name, read, asked } satisfies ArtifactSource & { asked: unknown };
};
const away = (name: string) =>
  store(name, () => {
    throw new Error('away');
  });
const cacheOf = (...sources: ArtifactSource[]) =>
  ArtifactCache.open({ dir, sources, bytesMax: 1e9, log: silentLog });

test('what is fetched once is read from disk from then on, also by a later life', async () => {
  const own = store('own', () => [content.subarray(0, 5), content.subarray(5)]);
  expect(Buffer.from(await (await cacheOf(own)).read(resource))).toEqual(content);
  expect(Buffer.from(await (await cacheOf(own)).read(resource))).toEqual(content);
  expect(own.asked.times).toBe(1);
});

test('the next store is asked when one is away, has it not, or gives other bytes', async () => {
  const home = store('home', () => [content]);
  const liar = store('liar', () => [Buffer.from('a model, sad')]);
  const endless = store('endless', () => [content, content]);
  const cut = store('cut', () => [content.subarray(1)]);
  const cache = await cacheOf(away('own'), liar, endless, cut, home);
  expect(Buffer.from(await cache.read(resource))).toEqual(content);
  expect(await readdir(dir)).toEqual([digest]);
});

test('a damaged file is thrown away and fetched anew', async () => {
  const own = store('own', () => [content]);
  const cache = await cacheOf(own);
  await cache.read(resource);
  await chmod(join(dir, digest), 0o600);
  await writeFile(join(dir, digest), 'a model, sad');
  expect(Buffer.from(await cache.read(resource))).toEqual(content);
  expect(own.asked.times).toBe(2);
});

test('with no store that has it, the answer says so and nothing is left behind', async () => {
  const cache = await cacheOf(
    away('own'),
    store('home', () => []),
  );
  await expect(cache.read(resource)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await readdir(dir)).toEqual([]);
});

test('what a killed life left unfinished is removed by the next', async () => {
  await writeFile(join(dir, `${digest}.123.1`), 'a mo');
  await cacheOf();
  expect(await readdir(dir)).toEqual([]);
});
