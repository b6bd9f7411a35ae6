import { Objm } from '@nats-io/obj';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { ArtifactStore, type Source } from './artifact-store.js';
import { digestOf } from './testing/records.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;
let store: ArtifactStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-artifacts-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'artifacts', region: 'east' });
  store = await ArtifactStore.open(bus, { bucket: 'artifacts' });
});
afterEach(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

// Four and a half parts, no two alike.
const bytes = Uint8Array.from({ length: 2_300_000 }, (_, i) => (i * 31 + (i >> 9)) & 255);
const digest = digestOf(bytes);
const whole: Source = async function* () {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
};
/** Ends with an error after so many bytes, as a connection does. */
const cutAfter = (length: number): Source =>
  async function* () {
    yield bytes.subarray(0, length);
    throw new Error('cut off');
  };
async function collect(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return digestOf(Buffer.concat(parts));
}

test('what was written is read back, by us and by any object store client', async () => {
  expect(await store.write(digest, whole)).toBe(bytes.length);
  const unread = (): never => {
    throw new Error('it is there');
  };
  expect(await store.write(digest, unread)).toBe(bytes.length);
  expect(await collect(store.read(digest))).toBe(digest);
  const blob = await (await new Objm(bus.nc).open('artifacts')).getBlob(digest);
  expect(digestOf(blob ?? '')).toBe(digest);
});

test('an empty file is a file', async () => {
  const empty = digestOf('');
  await store.write(empty, async function* () {});
  expect(await collect(store.read(empty))).toBe(empty);
});

test('a copy that is cut off is not there, and the next one goes on where it ended', async () => {
  await expect(store.write(digest, cutAfter(1_200_000))).rejects.toThrow('cut off');
  expect(await store.bytesOf(digest)).toBeUndefined();
  const { messages } = await bus.js
    .jetstreamManager()
    .then((manager) => manager.streams.info('OBJ_artifacts'))
    .then((info) => info.state);
  expect(messages).toBe(2);
  await store.write(digest, whole);
  expect(await collect(store.read(digest))).toBe(digest);
});

test('other bytes than the digest says are refused and leave nothing', async () => {
  const wrong = digestOf('something else');
  await expect(store.write(wrong, whole)).rejects.toMatchObject({ code: 'UNSIGNED' });
  expect(await store.list()).toEqual(new Map());
});

test('a copy spoilt by wrong bytes of an earlier one is thrown away and made anew', async () => {
  const poisoned: Source = async function* () {
    yield bytes.map((byte) => byte ^ 1).subarray(0, 1_200_000);
    throw new Error('cut off');
  };
  await expect(store.write(digest, poisoned)).rejects.toThrow('cut off');
  await store.write(digest, whole);
  expect(await collect(store.read(digest))).toBe(digest);
});

test('two who copy the same file at once leave one whole file', async () => {
  const other = await ArtifactStore.open(bus, { bucket: 'artifacts' });
  const written = await Promise.allSettled([store.write(digest, whole), other.write(digest, whole)]);
  expect(written.some((result) => result.status === 'fulfilled')).toBe(true);
  expect(await collect(store.read(digest))).toBe(digest);
});

test('the list has whole and half files, with the time of their last part, and removal takes both', async () => {
  const half = digestOf('half');
  await store.write(digest, whole);
  await expect(store.write(half, cutAfter(600_000))).rejects.toThrow('cut off');
  expect(await store.list()).toEqual(
    new Map([
      [digest, true],
      [half, false],
    ]),
  );
  const touched = await store.touched(half);
  expect(touched?.atMs).toBeGreaterThan(0);
  await store.remove(half, touched?.seq);
  await store.remove(digest);
  expect(await store.list()).toEqual(new Map());
  expect(await store.touched(half)).toBeUndefined();
});

test('a server killed in the middle of a copy costs the copy, not the file', async () => {
  let sent = 0;
  const killing: Source = async function* () {
    for await (const part of whole()) {
      if (++sent === 12) await nats.kill('SIGKILL');
      yield part;
    }
  };
  await expect(store.write(digest, killing)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await nats.restart();
  await waitUntil('the bus is back', () => bus.connected());
  expect(await store.bytesOf(digest)).toBeUndefined();
  await store.write(digest, whole);
  expect(await collect(store.read(digest))).toBe(digest);
});

test('a removal decided before a file was written again does not touch the new one', async () => {
  await store.write(digest, whole);
  const before = await store.touched(digest);
  await store.remove(digest, before?.seq);
  await store.write(digest, whole);
  await store.remove(digest, before?.seq);
  expect(await collect(store.read(digest))).toBe(digest);
});
