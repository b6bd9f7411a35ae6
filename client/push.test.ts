// The publisher's half of a push, through the far region: what lies in the home region's upload bucket afterwards, and what the
// registry is asked. The registry's own half is tested with the registry.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets } from '../contracts/buckets.js';
import { PushRequest, type Resource } from '../contracts/registry.js';
import { subjects } from '../contracts/subjects.js';
import { type NatsServer, startNats } from '../deploy/local/nats.js';
import { type Bus, connectBus } from '../services/mesh/bus.js';
import { verifyManifest } from '../services/mesh/trust/manifest.js';
import { newKeyPair } from '../services/mesh/trust/signing-key.js';
import { connect, type MassifClient } from './mod.js';

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const model = new Uint8Array(300_000).map((_, i) => i * 7);
const labels = new TextEncoder().encode('a\nb\n');
const publisher = newKeyPair('publisher');

let dir: string;
let servers: NatsServer[];
let home: Bus;
let massif: MassifClient;
let asked: PushRequest[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-push-'));
  const east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  servers = [east, await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl })];
  home = await connectBus({ url: east.url, name: 'registry' });
  await home.object(buckets.uploads('east'), { create: {} });
  const status = {
    instance: 'control',
    services: ['registry'],
    region: 'east',
    pid: 1,
    version: '0.1.0',
    rssBytes: 1,
  };
  const now = '2026-01-01T00:00:00Z';
  home.nc.subscribe(subjects.status(), {
    callback: (_, message) => void message.respond(JSON.stringify({ ...status, startedAt: now, now })),
  });
  home.nc.subscribe(subjects.registry('push'), {
    callback: (_, message) => {
      asked.push(PushRequest.parse(message.json()));
      message.respond('{}'); // no agreed answer: the client says so
    },
  });
  massif = await connect({ nats: servers[1]?.url ?? '', mode: 'routed' });
});
afterAll(async () => {
  await massif.close();
  await home.drain();
  await Promise.all(servers.map((server) => server.stop()));
  await rm(dir, { recursive: true, force: true });
});

async function push(progress: string[] = []): Promise<void> {
  asked = [];
  const path = join(dir, 'model.bin');
  await writeFile(path, model);
  const files = [
    { name: 'model.onnx', path },
    { name: 'labels.txt', bytes: labels },
  ];
  const options = { model: 'ocr', label: 'v1', privateKeyPem: publisher.privateKeyPem, aliases: ['stable'] };
  const onProgress = (file: Resource, state: string): void => void progress.push(`${state} ${file.name}`);
  await expect(massif.registry.push(files, { ...options, onProgress })).rejects.toMatchObject({
    code: 'INTERNAL',
  });
}

test('files lie under their digests in the home region, and the registry gets a manifest signed over exactly them', async () => {
  const progress: string[] = [];
  await push(progress);
  const store = await home.object(buckets.uploads('east'));
  expect(digestOf((await store.getBlob(digestOf(model))) ?? new Uint8Array())).toBe(digestOf(model));
  expect([...((await store.getBlob(digestOf(labels))) ?? [])]).toEqual([...labels]);
  expect(progress).toEqual([
    'uploading model.onnx',
    'uploaded model.onnx',
    'uploading labels.txt',
    'uploaded labels.txt',
  ]);

  const [request] = asked;
  expect(request).toMatchObject({ model: 'ocr', label: 'v1', aliases: ['stable'] });
  expect(request?.resources).toEqual([
    { name: 'model.onnx', digest: digestOf(model), bytes: model.length },
    { name: 'labels.txt', digest: digestOf(labels), bytes: labels.length },
  ]);
  const person = {
    fingerprint: publisher.fingerprint,
    publicKeyPem: publisher.publicKeyPem,
    person: 'p',
    models: ['*'],
  };
  const valid = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2040-01-01T00:00:00Z' };
  const policy = { current: () => ({ version: 1, publishers: [{ ...person, ...valid }] }) };
  const verified =
    request &&
    verifyManifest(request.bundle, policy.current(), { model: 'ocr', nowMs: Date.parse('2026-01-01') });
  expect(verified?.resources.map(({ name }) => name)).toEqual(['labels.txt', 'model.onnx']);
});

test('what lies there already is not sent again', async () => {
  await push();
  const store = await home.object(buckets.uploads('east'));
  const before = (await store.status()).streamInfo.state.last_seq;
  await push();
  expect((await store.status()).streamInfo.state.last_seq).toBe(before);
  expect(asked).toHaveLength(1);
});

test('a file that cannot be read is named before anything is sent', async () => {
  const files = [{ name: 'model.onnx', path: join(dir, 'missing.onnx') }];
  const options = { model: 'ocr', label: 'v2', privateKeyPem: publisher.privateKeyPem };
  await expect(massif.registry.push(files, options)).rejects.toThrow(/missing.onnx cannot be read/);
});
