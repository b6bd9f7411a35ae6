// The shard host as the process that `npm start` runs, beside a real NATS server and a real Consul.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { Heartbeat } from '../../contracts/heartbeat.js';
import { placementPart } from '../../contracts/registry.js';
import { DrainReply, RecycleReply } from '../../contracts/shard.js';
import { subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { newKeyPair, privateKeyOf } from '../mesh/trust/signing-key.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { TRUST_FILES } from '../mesh/trust/trust-files.js';
import { signPolicy } from '../mesh/trust/trust-policy.js';
import { mlp } from '../onnx/testing/mlp.js';
import { hostEntry } from './testing/engine-entry.js';
import { policy, signedVersion } from './testing/signed-version.js';

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let bus: Bus;
let host: ChildProcess | undefined;
const version = signedVersion(mlp(1), { model: 'mlp' });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-host-'));
  [nats, consul] = await Promise.all([
    startNats({ dir: join(dir, 'nats'), region: 'east' }),
    startConsul({ dir: join(dir, 'consul'), region: 'east' }),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test', region: 'east' });
  await openHomeBuckets(bus, 'east');
  const root = newKeyPair('root');
  await mkdir(join(dir, 'keys'));
  await writeFile(join(dir, 'keys', TRUST_FILES.rootKey), root.publicKeyPem);
  const envelope = signPolicy(policy, privateKeyOf(root.privateKeyPem));
  await writeFile(join(dir, 'keys', TRUST_FILES.policy), JSON.stringify(envelope));
  const store = await bus.object(buckets.artifacts('east'));
  for (const [digest, bytes] of version.resources) await store.putBlob({ name: digest }, bytes);
  const { model, digest } = version.record;
  await (
    await bus.kv(buckets.catalog('east'))
  ).put(keys.version(model, digest), JSON.stringify(version.record));
  const part = placementPart(digest);
  const placed = { shard: 'shard-east-1', part, epoch: 1, versions: [{ model, version: digest }] };
  const key = keys.placement('shard-east-1', part);
  await (await bus.kv(buckets.placement('east'))).put(key, JSON.stringify(placed));
}, 60_000);
afterAll(async () => {
  host?.kill('SIGKILL');
  await bus.drain();
  await Promise.all([nats.stop(), consul.stop()]);
  await rm(dir, { recursive: true, force: true });
});

const envOf = (more: Record<string, string> = {}) => ({
  MASSIF_AUTH: 'development',
  MASSIF_NAME: 'shard-east-1',
  MASSIF_REGION: 'east',
  MASSIF_NATS_URL: nats.url,
  MASSIF_CONSUL_URL: consul.url,
  MASSIF_DATA: join(dir, 'data'),
  MASSIF_KEYS: join(dir, 'keys'),
  ...more,
});

async function startHost(): Promise<ChildProcess> {
  host = fork(hostEntry(), { env: envOf(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(host, 'message');
  return host;
}

const inspect = (): Promise<Heartbeat> =>
  bus.request(subjects.shardControl('shard-east-1', 'inspect'), Heartbeat, {}, { timeoutMs: 2_000 });
const isReady = async (): Promise<Heartbeat | undefined> => {
  const beat = await inspect();
  return beat.replicas.some(({ state }) => state === 'ready') ? beat : undefined;
};
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const ended = (pids: readonly number[]): Promise<unknown> =>
  waitUntil('all engines have ended', () => !pids.some(alive));

test('a host that is to run on a GPU that is not there ends with a code before it is anything', async () => {
  const env = envOf({ MASSIF_SHARD_DEVICE: 'cuda:99', MASSIF_SHARD_MEMORY_MIB: '1024' });
  const child = fork(hostEntry(), { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (said += String(bytes)));
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(said).toContain('DEVICE_UNAVAILABLE');
  await expect(inspect()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a host that starts serves what is placed, tells its memory, and recycles when asked', async () => {
  await startHost();
  const beat = await waitUntil('the replica is ready', isReady);
  expect(beat).toMatchObject({ shard: 'shard-east-1', region: 'east', pid: host?.pid });
  const engine = beat.engines.find(({ replicas }) => replicas.length > 0);
  const reply = await bus.request(
    subjects.shardControl('shard-east-1', 'recycle'),
    RecycleReply,
    { pid: engine?.pid },
    { timeoutMs: 2_000 },
  );
  expect(reply.engines).toEqual([engine?.pid]);
  await ended(reply.engines);
  await waitUntil('it is ready in another', isReady);
  const unknown = bus.request(
    subjects.shardControl('shard-east-1', 'recycle'),
    RecycleReply,
    { pid: 1 },
    { timeoutMs: 2_000 },
  );
  await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('engines end with a host that is killed, and the next one serves again', async () => {
  const pids = (await inspect()).engines.map(({ pid }) => pid);
  host?.kill('SIGKILL');
  await ended(pids);
  await startHost();
  await waitUntil('the replica is ready', isReady);
});

test('a drained host has no replicas and takes none', async () => {
  const reply = await bus.request(
    subjects.shardControl('shard-east-1', 'drain'),
    DrainReply,
    {},
    { timeoutMs: 10_000 },
  );
  expect(reply.replicas).toBe(1);
  expect(await inspect()).toMatchObject({ state: 'draining', replicas: [] });
});

test('a host that is told to end leaves no process behind', async () => {
  const { engines } = await inspect();
  host?.kill('SIGTERM');
  const [code] = await once(host ?? process, 'exit');
  expect(code).toBe(0);
  await ended(engines.map(({ pid }) => pid));
});
