import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { buckets, keys } from '../../contracts/buckets.js';
import { replicaId } from '../../contracts/names.js';
import {
  DeployReply,
  EndpointsReply,
  PlacementRecord,
  PushReply,
  ShowReply,
} from '../../contracts/registry.js';
import { type RegistryVerb, subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { silentLog } from '../mesh/log.js';
import { newKeyPair, privateKeyOf } from '../mesh/trust/signing-key.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { TRUST_FILES } from '../mesh/trust/trust-files.js';
import { signPolicy } from '../mesh/trust/trust-policy.js';
import { identity } from '../onnx/testing/identity.js';
import { mlp } from '../onnx/testing/mlp.js';
import { registryService } from '../registry/registry.module.js';
import { Publisher, upload } from '../registry/testing/publisher.js';
import { aHeartbeat } from '../registry/testing/records.js';
import { gatewayService } from './gateway.module.js';

const SHARD = 'shard-east-1';

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let bus: Bus;
let url: string;
let beating: NodeJS.Timeout;
const running: Running[] = [];
const ada = new Publisher();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-releases-door-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  const root = newKeyPair('root');
  await mkdir(join(dir, 'keys'));
  await writeFile(join(dir, 'keys', TRUST_FILES.rootKey), root.publicKeyPem);
  const policy = signPolicy(ada.policy(), privateKeyOf(root.privateKeyPem));
  await writeFile(join(dir, 'keys', TRUST_FILES.policy), JSON.stringify(policy));
  const config = {
    region: 'east',
    homeRegion: 'east',
    regions: ['east'],
    natsUrl: nats.url,
    consulUrl: consul.url,
    keysDir: join(dir, 'keys'),
    dataDir: dir,
  };
  running.push(
    await boot({
      services: [registryService],
      config: { ...config, instance: 'registry-1' },
      log: silentLog,
    }),
  );
  const gateway = await boot({
    services: [gatewayService],
    config: { ...config, instance: 'gateway-east-1', restPort: 0, restHost: '127.0.0.1' },
    log: silentLog,
  });
  running.push(gateway);
  url = gateway.restUrl ?? '';
  bus = await connectBus({ url: nats.url, name: 'test', region: 'east' });
  for (const [label, model] of [
    ['v1', mlp(1, 8)],
    ['v2', mlp(2, 8)],
    ['v3', mlp(3, 8)],
    ['other', identity()],
  ] as const)
    await push(label, model);
  await ask('deploy', DeployReply, {
    endpoint: 'digits',
    model: 'digits',
    variants: [{ version: 'v1', weight: 10_000 }],
  });
  // A shard that has everything ready the moment it is told to hold it.
  beating = setInterval(() => void beat(), 100);
}, 40_000);
afterAll(async () => {
  clearInterval(beating);
  for (const one of running.toReversed()) await one.stop();
  await bus?.drain();
  await consul?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function push(label: string, model: Uint8Array): Promise<void> {
  const request = ada.sign(model, { model: 'digits', label });
  await upload(bus, request, model);
  await ask('push', PushReply, request);
}
const ask = <T>(verb: RegistryVerb, schema: z.ZodType<T>, body: unknown): Promise<T> =>
  bus.request(subjects.registry(verb), schema, body, { timeoutMs: 10_000 });

/** What the shard is told to hold. */
async function held(): Promise<PlacementRecord['versions']> {
  const placement = await bus.kv(buckets.placement('east'));
  const versions: PlacementRecord['versions'] = [];
  for await (const key of await placement.keys(keys.placement(SHARD, '*'))) {
    const entry = await placement.get(key);
    if (entry) versions.push(...PlacementRecord.parse(entry.json()).versions);
  }
  return versions;
}

async function beat(): Promise<void> {
  const replicas = (await held().catch(() => [])).map(({ model, version }) => ({
    id: replicaId(SHARD, version),
    model,
    version,
    state: 'ready' as const,
    inFlight: 0,
    capacity: 8,
    latencyMs: 1,
    batchMax: 1,
    served: 0,
    failed: 0,
    epoch: 1,
  }));
  if (bus.connected())
    bus.nc.publish(
      subjects.heartbeat('east', SHARD),
      JSON.stringify({ ...aHeartbeat(SHARD, 'east'), replicas }),
    );
}

interface Told {
  readonly status: number;
  readonly code?: string;
  readonly error?: string;
  readonly release: { id: string; state: string; step: number; last: { by: string; why: string } };
}
async function send(path: string, body?: unknown): Promise<Told> {
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(url + path, { ...sent, headers: { 'Content-Type': 'application/json' } });
  return { status: answer.status, ...((await answer.json()) as Omit<Told, 'status'>) };
}
const apply = (spec: object) =>
  send('/v2/releases', { spec: { endpoint: 'digits', owner: 'ada', ...spec }, by: 'ada' });
const reached = (id: string, state: string) =>
  waitUntil(
    `${id} is ${state}`,
    async () => (await send(`/v2/releases/${id}`)).release.state === state,
    15_000,
  );
const canary = { type: 'canary', steps: [{ weight: 500 }, { weight: 5_000 }], keepOldMs: 0 };
const deadlines = { drainingMs: 0 };
const ab = (...arms: [string, string, number][]) => ({
  type: 'ab',
  arms: arms.map(([name, version, weight]) => ({ name, version, weight })),
  control: arms[0]?.[0],
  horizonMs: 60_000,
});

test('a release goes its way over REST: applied, listed, paused, resumed, promoted, taken back, and all of it told', async () => {
  const applied = await apply({ to: 'v2', strategy: canary, deadlines });
  expect([applied.status, applied.release.state]).toEqual([201, 'loading']);
  const { id } = applied.release;
  await reached(id, 'step');
  const again = await apply({ to: 'v3', strategy: canary });
  expect([again.status, again.code]).toEqual([400, 'BAD_REQUEST']);
  expect(again.error).toMatch(new RegExp(`release ${id} of "digits" goes on .*massif release abort ${id}`));
  const order = (verb: string, more = {}) =>
    send(`/v2/releases/${id}/${verb}`, { by: 'bob', why: `bob: ${verb}`, ...more });
  expect((await order('pause')).release.state).toBe('paused');
  expect((await order('resume')).release.state).toBe('step');
  expect((await order('promote', { step: 0 })).release).toMatchObject({ state: 'step', step: 1 });
  expect(await order('promote', { step: 0 })).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect((await order('abort')).release.last).toMatchObject({ by: 'bob', why: 'bob: abort' });
  await reached(id, 'rolled_back');
  expect(await order('pause')).toMatchObject({ status: 400, code: 'BAD_REQUEST' });

  const list = async (query: string) =>
    ((await (await fetch(`${url}/v2/releases${query}`)).json()) as { releases: { id: string }[] }).releases;
  expect((await list('?endpoint=digits')).map((one) => one.id)).toEqual([id]);
  expect(await list('?active=true')).toEqual([]);
  const history = await (await fetch(`${url}/v2/releases/${id}/history?afterSeq=1`)).json();
  expect(history).toMatchObject({
    more: false,
    entries: [{ seq: 2 }, { seq: 3 }, { seq: 4 }, {}, {}, {}, {}, {}],
  });
  const lives = await (await fetch(`${url}/v2/versions/digits/history?version=v2`)).json();
  const moves = (lives as { versions: { moves: { to: string; by: string }[] }[] }).versions[0]?.moves ?? [];
  expect(moves.slice(0, 2).map(({ to, by }) => `${to} ${by}`)).toEqual([
    'submitted ada',
    'verified registry',
  ]);
});

test.each([
  ['a field that nobody knows', { to: 'v2', strategy: canary, canry: true }, /canry/],
  [
    'a field of a step that nobody knows',
    { to: 'v2', strategy: { ...canary, steps: [{ weight: 5, until: 1 }] } },
    /strategy\.steps\.0/,
  ],
  ['a strategy that nobody knows', { to: 'v2', strategy: { type: 'yolo' } }, /strategy/],
  ['weights that do not add up', { strategy: ab(['a', 'v1', 5_000], ['b', 'v2', 4_000]) }, /add up to 9000/],
  ['an arm without traffic', { strategy: ab(['a', 'v1', 10_000], ['b', 'v2', 0]) }, /"b" has no traffic/],
  ['an unknown version', { to: 'v9', strategy: canary }, /no version "v9"; it has other, v3, v2, v1/],
  [
    'an unknown version of an arm',
    { strategy: ab(['a', 'v1', 5_000], ['b', 'v9', 5_000]) },
    /no version "v9"/,
  ],
  ['an unknown endpoint', { endpoint: 'nobody', to: 'v2', strategy: canary }, /no endpoint "nobody"/],
  ['other inputs', { to: 'other', strategy: canary }, /cannot take the calls of "v1".*endpoint of its own/],
  [
    'a metric that nobody reports',
    {
      to: 'v2',
      strategy: canary,
      analysis: { metrics: [{ kind: 'feedback', metric: 'rating', better: 'higher', margin: 0.1 }] },
    },
    /Nobody reports the metric "rating"/,
  ],
  ['no owner', { owner: undefined, to: 'v2', strategy: canary }, /owner/],
])('%s: refused over REST with a sentence, and nothing begins', async (_, spec, sentence) => {
  const answer = await apply(spec);
  expect([400, 404]).toContain(answer.status);
  expect(answer.error).toMatch(sentence);
  expect(await (await fetch(`${url}/v2/releases?active=true`)).json()).toEqual({ releases: [] });
});

test('aliases that name each other are no loop: each names the version that the other had', async () => {
  const alias = (name: string, version: string) =>
    ask('alias', ShowReply, { model: 'digits', alias: name, version });
  await alias('a', 'v1');
  await alias('b', 'a');
  const { version } = await alias('a', 'b');
  expect(version.label).toBe('v1');
  expect((await apply({ to: 'a', strategy: canary })).error).toMatch(/serves "v1" already/);
});

test('paths, orders and bodies that say nothing are refused with their code', async () => {
  expect(await send('/v2/releases/digits-99')).toMatchObject({ status: 404, code: 'RELEASE_UNKNOWN' });
  expect(await send('/v2/releases/digits-1/stop', {})).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  expect(await send('/v2/releases/digits-1/abort', {})).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(await send('/v2/releases', { spec: {} })).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(await send('/v2/releases?endpoint=a b')).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(await send('/v2/releases/digits-1/history?afterSeq=x')).toMatchObject({
    status: 400,
    code: 'BAD_REQUEST',
  });
  expect(await send('/v2/versions/nobody/history')).toMatchObject({ status: 404, code: 'MODEL_UNKNOWN' });
});

test('load of another version waits for the release behind it', async () => {
  await ask('alias', ShowReply, { model: 'digits', alias: 'stable', version: 'v3' });
  const answer = await fetch(`${url}/v2/repository/models/digits/load`, { method: 'POST' });
  expect(answer.status).toBe(200);
  const { endpoints } = await ask('endpoints', EndpointsReply, {});
  expect(endpoints[0]?.variants).toMatchObject([
    { label: 'v1', weight: 0 },
    { label: 'v3', weight: 10_000 },
  ]);
  // And back at once: it waits until the first has let go of the old one.
  await ask('alias', ShowReply, { model: 'digits', alias: 'stable', version: 'v1' });
  const back = await fetch(`${url}/v2/repository/models/digits/load`, { method: 'POST' });
  expect([back.status, await back.text()]).toEqual([200, '']);
  const after = await ask('endpoints', EndpointsReply, {});
  expect(after.endpoints[0]?.variants).toMatchObject([
    { label: 'v3', weight: 0 },
    { label: 'v1', weight: 10_000 },
  ]);
}, 60_000);

test('a model that is not served any more stays in the repository index, at the version that a load brings', async () => {
  const gone = await fetch(`${url}/v2/repository/models/digits/unload`, { method: 'POST' });
  expect([gone.status, await gone.text()]).toEqual([200, '']);
  const index = async (body: string) =>
    (await fetch(`${url}/v2/repository/index`, { method: 'POST', body })).json() as Promise<object[]>;
  expect(await index('')).toContainEqual({
    name: 'digits',
    version: 'v1',
    state: 'UNAVAILABLE',
    reason: 'no endpoint serves it: load it',
  });
  expect(await index('{"ready":true}')).toEqual([]);
}, 60_000);

test('two endpoints of one model that release at once both come to their end, and the first names what is stable', async () => {
  const variants = [{ version: 'v1', weight: 10_000 }];
  for (const endpoint of ['left', 'right'])
    await ask('deploy', DeployReply, { endpoint, model: 'digits', variants });
  await ask('alias', ShowReply, { model: 'digits', alias: 'stable', version: 'v1' });
  // The aliases move with the promotion and stay a moment in which the other's would.
  const slow = { strategy: { ...canary, steps: [{ weight: 5_000 }] }, deadlines: { drainingMs: 1_000 } };
  const begun = [
    await apply({ endpoint: 'left', to: 'v2', ...slow }),
    await apply({ endpoint: 'right', to: 'v3', ...slow }),
  ];
  for (const { release } of begun) await reached(release.id, 'step');
  for (const { release } of begun)
    await send(`/v2/releases/${release.id}/promote`, { by: 'ada', why: 'enough', step: 0 });
  for (const { release } of begun) await reached(release.id, 'done');
  const stable = await ask('show', ShowReply, { model: 'digits', version: 'stable' });
  expect(stable.version.label).toBe('v2');
}, 60_000);
