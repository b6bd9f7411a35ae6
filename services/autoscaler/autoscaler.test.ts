// The service among real servers: shards are heartbeats that the test sends, endpoints are records in the real catalog.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import {
  ForecastRecord,
  ScalingPolicy,
  ScalingReply,
  type WaitingNotice,
  WantedRecord,
} from '../../contracts/scaling.js';
import { subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { silentLog } from '../mesh/log.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { autoscalerService } from './autoscaler.module.js';

const VERSION = 'a'.repeat(64);
const ENDPOINT = 'sleeper';
let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let bus: Bus;
let beating: NodeJS.Timeout;
let seq = 0;
const running = new Map<string, Running>();

beforeAll(async () => {
  vi.stubEnv('MASSIF_RESIDENTS_MAX', '2');
  dir = await mkdtemp(join(tmpdir(), 'massif-autoscaler-'));
  [nats, consul] = await Promise.all([
    startNats({ dir: join(dir, 'nats'), region: 'east' }),
    startConsul({ dir: join(dir, 'consul'), region: 'east' }),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test', region: 'east' });
  await openHomeBuckets(bus, 'east');
  beating = setInterval(beat, 200);
  await keepDays();
  await begin('autoscaler-1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  clearInterval(beating);
  for (const one of running.values()) await one.stop();
  await bus.drain();
  await Promise.all([nats.stop(), consul.stop()]);
  await rm(dir, { recursive: true, force: true });
});

async function begin(instance: string): Promise<void> {
  const config = {
    instance,
    region: 'east',
    homeRegion: 'east',
    regions: ['east'],
    natsUrl: nats.url,
    consulUrl: consul.url,
    keysDir: join(dir, 'keys'),
    dataDir: dir,
  };
  running.set(instance, await boot({ services: [autoscalerService], config, log: silentLog }));
}

/** What a leader of some minutes ago knew of the endpoint's days. */
async function keepDays(): Promise<void> {
  const days: ForecastRecord = {
    endpoint: ENDPOINT,
    region: 'east',
    epoch: 0,
    minute: Math.floor(Date.now() / 60_000) - 5,
    level: 0,
    trend: 0,
    error: 0,
    season: Array<number>(1_440).fill(0.5),
    firstDay: [],
  };
  const kept = await bus.kv(buckets.scheduling('east'), { create: {} });
  await kept.put(keys.forecast(ENDPOINT, 'east'), JSON.stringify(days));
}

async function daysKept(): Promise<ForecastRecord | undefined> {
  const kept = await bus.kv(buckets.scheduling('east'));
  const entry = await kept.get(keys.forecast(ENDPOINT, 'east'));
  return entry ? ForecastRecord.parse(entry.json()) : undefined;
}

function beat(): void {
  const device = { kind: 'cpu', cores: 1, memoryBytes: 2 ** 30 };
  const heartbeat: Heartbeat = {
    shard: 'shard-1',
    region: 'east',
    pid: 1,
    seq: ++seq,
    state: 'ready',
    device,
    engines: [],
    replicas: [],
  };
  bus.nc.publish(subjects.heartbeat('east', 'shard-1'), JSON.stringify(heartbeat));
}

async function deploy(scaling: object, name = ENDPOINT, version = VERSION): Promise<void> {
  const record: EndpointRecord = {
    name,
    model: name,
    variants: [{ version, label: '1', weight: 10_000 }],
    salt: 'salt',
    assignment: 'request',
    replicasPerRegion: 1,
    scaling: ScalingPolicy.parse(scaling),
    timeoutMs: 2_000,
    updatedAt: '2026-01-01T00:00:00Z',
  };
  const catalog = await bus.kv(buckets.catalog('east'));
  await catalog.put(keys.endpoint(name), JSON.stringify(record));
}

async function wanted(name = ENDPOINT): Promise<WantedRecord | undefined> {
  const entry = await (await bus.kv(buckets.scaling('east'))).get(keys.wanted(name));
  return entry?.operation === 'PUT' ? WantedRecord.parse(entry.json()) : undefined;
}
const untilWanted = (replicas: number, name = ENDPOINT) =>
  waitUntil(
    `${replicas} are wanted of ${name}`,
    async () => (await wanted(name))?.regions['east'] === replicas && (await wanted(name)),
    20_000,
  );

test('an endpoint goes to sleep, and whoever waits for it wakes it', async () => {
  await deploy({ minReplicas: 0, maxReplicas: 4, idleMs: 1_000 });
  await untilWanted(1);
  await untilWanted(0);
  const notice: WaitingNotice = { source: 'test', region: 'east', endpoint: ENDPOINT, waiting: 1 };
  bus.nc.publish(subjects.waiting(), JSON.stringify(notice));
  await untilWanted(1);
  const reply = await bus.request(subjects.scaling(), ScalingReply, {}, { timeoutMs: 5_000 });
  expect(reply).toMatchObject({ instance: 'autoscaler-1', leading: true });
  const [region] = reply.endpoints[0]?.regions ?? [];
  expect(region?.changes.map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 0],
    [0, 1],
  ]);
});

test('when the leader goes, another one that looked all the time writes with a higher epoch, and what it knew of the days is kept', async () => {
  await deploy({ minReplicas: 0, maxReplicas: 4, pin: 3 });
  const before = await untilWanted(3);
  await begin('autoscaler-2');
  await running.get('autoscaler-1')?.stop();
  running.delete('autoscaler-1');
  await deploy({ minReplicas: 0, maxReplicas: 4, pin: 2 });
  const after = await untilWanted(2);
  expect(after.epoch).toBeGreaterThan(before.epoch);
  const days = await daysKept();
  expect(days).toMatchObject({ epoch: before.epoch, firstDay: [] });
  expect(days?.season.filter((rate) => rate === 0.5).length).toBeGreaterThan(1_430);
});

test('a dry run takes its word back, and still explains', async () => {
  await deploy({ minReplicas: 2, maxReplicas: 4, dryRun: true });
  await waitUntil('nothing is wanted any more', async () => (await wanted()) === undefined);
  const reply = await bus.request(subjects.scaling(), ScalingReply, {}, { timeoutMs: 5_000 });
  expect(reply.endpoints[0]?.regions[0]).toMatchObject({ decided: 2 });
});

test('what is registered asleep is not woken but by a request, and of more than have room one has to sleep', async () => {
  // Shards of this test report no replicas: what is awake counts by what was written.
  const names = ['one', 'two', 'three'];
  const asleep = { minReplicas: 0, initialReplicas: 0, maxReplicas: 1 };
  for (const [i, name] of names.entries()) await deploy(asleep, name, String(i).repeat(64));
  const ask = (endpoint: string, waiting: number): void => {
    const notice: WaitingNotice = { source: 'test', region: 'east', endpoint, waiting };
    bus.nc.publish(subjects.waiting(), JSON.stringify(notice));
  };
  await deploy({ minReplicas: 0, maxReplicas: 4, pin: 0 });
  await untilWanted(0);
  for (const name of names) {
    expect(await wanted(name)).toBeUndefined();
    ask(name, 1);
    await untilWanted(1, name);
    ask(name, 0);
  }
  const awake = async () => {
    const all = await Promise.all(names.map((name) => wanted(name)));
    return all.filter((one) => one?.regions['east'] === 1).length;
  };
  await waitUntil('two are awake', async () => (await awake()) === 2, 20_000);
});
