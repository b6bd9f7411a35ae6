import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { buckets, keys } from '../../contracts/buckets.js';
import {
  AliasRequest,
  DeployReply,
  EndpointsReply,
  LineageReply,
  ModelsReply,
  PlacementRecord,
  placementPart,
  PushReply,
  ShowReply,
} from '../../contracts/registry.js';
import { type RegistryVerb, subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { silentLog } from '../mesh/log.js';
import { newKeyPair, privateKeyOf } from '../mesh/trust/signing-key.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { TRUST_FILES } from '../mesh/trust/trust-files.js';
import { signPolicy } from '../mesh/trust/trust-policy.js';
import { mlp } from '../onnx/testing/mlp.js';
import { registryService } from './registry.module.js';
import { Publisher, upload } from './testing/publisher.js';
import { aHeartbeat, digestOf } from './testing/records.js';

let dir: string;
let east: NatsServer;
let west: NatsServer;
let consul: ConsulServer;
let here: Bus;
let there: Bus;
const registries: Running[] = [];
const ada = new Publisher();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-registry-'));
  [east, consul] = await Promise.all([
    startNats({ dir: join(dir, 'east'), region: 'east' }),
    startConsul({ dir: join(dir, 'consul'), region: 'east' }),
  ]);
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  const root = newKeyPair('root');
  await mkdir(join(dir, 'keys'));
  await writeFile(join(dir, 'keys', TRUST_FILES.rootKey), root.publicKeyPem);
  const policy = signPolicy(ada.policy(), privateKeyOf(root.privateKeyPem));
  await writeFile(join(dir, 'keys', TRUST_FILES.policy), JSON.stringify(policy));
  here = await connectBus({ url: east.url, name: 'here', region: 'east' });
  there = await connectBus({ url: west.url, name: 'there', region: 'west' });
  registries.push(await aRegistry('registry-1'));
  await openHomeBuckets(there, 'east');
});
afterAll(async () => {
  for (const registry of registries) await registry.stop();
  await Promise.all([here.drain(), there.drain()]);
  await Promise.all([east.stop(), west.stop(), consul.stop()]);
  await rm(dir, { recursive: true, force: true });
});

const configOf = (instance: string, region = 'east') => ({
  instance,
  region,
  homeRegion: 'east',
  regions: ['east', 'west'],
  natsUrl: region === 'east' ? east.url : west.url,
  consulUrl: consul.url,
  keysDir: join(dir, 'keys'),
  dataDir: dir,
});
const aRegistry = (instance: string): Promise<Running> =>
  boot({ services: [registryService], config: configOf(instance), log: silentLog });

const ask = <T>(verb: RegistryVerb, schema: z.ZodType<T>, body: unknown, bus = here): Promise<T> =>
  bus.request(subjects.registry(verb), schema, body, { timeoutMs: 10_000 });

async function push(seed: number, label: string, aliases: string[] = []) {
  const request = ada.sign(mlp(seed, 32), { model: 'digits', label, aliases });
  await upload(here, request, mlp(seed, 32));
  return ask('push', PushReply, request);
}
const beat = (shard: string, region: string) =>
  here.nc.publish(subjects.heartbeat(region, shard), JSON.stringify(aHeartbeat(shard, region)));
const isPlaced = async (bus: Bus, shard: string, version: string): Promise<boolean> => {
  const key = keys.placement(shard, placementPart(version));
  const entry = await (await bus.kv(buckets.placement(bus.region))).get(key);
  return entry !== null && PlacementRecord.parse(entry.json()).versions[0]?.version === version;
};

test('from push to placement, over the bus and from the other region', async () => {
  const { version, created } = await push(1, 'v1', ['stable']);
  expect(created).toBe(true);
  const model = 'digits';
  expect((await ask('show', ShowReply, { model, version: 'stable' }, there)).version.digest).toBe(
    version.digest,
  );
  await ask('alias', ShowReply, AliasRequest.parse({ model, alias: 'best', version: 'v1' }));
  const { endpoint } = await ask('deploy', DeployReply, { endpoint: 'digits', model }, there);
  expect(endpoint.variants).toEqual([{ version: version.digest, label: 'v1', weight: 10_000 }]);
  expect((await ask('endpoints', EndpointsReply, {})).endpoints).toEqual([endpoint]);
  expect((await ask('models', ModelsReply, {})).models[0]?.aliases).toEqual({
    best: version.digest,
    stable: version.digest,
  });
  expect((await ask('lineage', LineageReply, { model })).versions).toHaveLength(1);
  await waitUntil('both regions are told to hold it, each in its own bucket', async () => {
    beat('shard-east-1', 'east');
    beat('shard-west-1', 'west');
    const { digest } = version;
    return (await isPlaced(here, 'shard-east-1', digest)) && isPlaced(there, 'shard-west-1', digest);
  });
});

test('refusals cross the bus with their code', async () => {
  await expect(ask('show', ShowReply, { model: 'nobody' })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  await expect(ask('show', ShowReply, { model: 7 })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  await expect(ask('undeploy', DeployReply, { endpoint: 'nobody' })).rejects.toMatchObject({
    code: 'ENDPOINT_UNKNOWN',
  });
  const unknown = new Publisher().sign(mlp(9, 8), { model: 'digits', label: 'v9' });
  await expect(ask('push', PushReply, unknown)).rejects.toMatchObject({ code: 'UNSIGNED' });
});

test('what is pushed travels to the other region, also when that was away meanwhile', async () => {
  const store = () => there.object(buckets.artifacts('west'));
  await west.kill('SIGKILL');
  const { version } = await push(2, 'v2');
  await west.restart();
  await waitUntil('the west is back', () => there.connected());
  const digest = version.resources[0]?.digest ?? '';
  const bytes = await waitUntil('the west has it', async () => (await store()).getBlob(digest), 25_000);
  expect(digestOf(bytes)).toBe(digest);
});

test('when the leading registry goes another one leads, and answers go on', async () => {
  registries.push(await aRegistry('registry-2'));
  const { version } = await push(3, 'v3');
  await registries.shift()?.stop();
  await ask('deploy', DeployReply, {
    endpoint: 'digits',
    model: 'digits',
    variants: [{ version: 'v3', weight: 10_000 }],
  });
  await waitUntil(
    'the new leader has placed it',
    async () => {
      beat('shard-east-1', 'east');
      beat('shard-west-1', 'west');
      return isPlaced(here, 'shard-east-1', version.digest);
    },
    20_000,
  );
});

test('metrics say how long each verb took and with which outcome', async () => {
  await ask('models', ModelsReply, {});
  const text = await registries[0]?.parts.metrics.text();
  expect(text).toMatch(/massif_registry_request_seconds_count\{[^}]*verb="models",outcome="ok"\} [1-9]/);
  expect(text).toContain('massif_replication_missing');
});

test('a registry outside the home region ends with a sentence', async () => {
  await expect(
    boot({ services: [registryService], config: configOf('registry-9', 'west'), log: silentLog }),
  ).rejects.toThrow('MASSIF_REGION must be the home region "east"');
});
