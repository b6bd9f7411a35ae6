import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../../contracts/buckets.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../bus.js';
import { systemClock } from '../clock.js';
import { systemRandom } from '../random.js';
import { RouteView } from './route-view.js';
import { FakeEngine } from '../testing/fake-engine.js';
import { waitUntil } from '../testing/wait-until.js';

const VERSION = 'c'.repeat(64);

let dir: string;
let nats: NatsServer;
let bus: Bus;
let view: RouteView;
let engine: FakeEngine;

const put = async (name: string, timeoutMs: number, more: Partial<EndpointRecord> = {}): Promise<void> => {
  const record: EndpointRecord = {
    name,
    model: 'echo',
    variants: [{ version: VERSION, label: 'v1', weight: 10_000 }],
    salt: 's',
    assignment: 'request',
    replicasPerRegion: 1,
    timeoutMs,
    updatedAt: '2026-01-01T00:00:00Z',
    ...more,
  };
  const kv = await bus.kv(buckets.catalog('east'), { create: {} });
  await kv.put(keys.endpoint(name), JSON.stringify(record));
};
const chosen = () => {
  const decision = view.route({ endpoint: 'gpt-3.5' });
  return decision.kind === 'replica' ? decision.replica.id : decision.code;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-view-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'viewer', region: 'east' });
  engine = await FakeEngine.start({ url: nats.url, region: 'east', shard: 'shard-a', version: VERSION });
  view = new RouteView({ buses: [bus], clock: systemClock, random: systemRandom, homeRegion: 'east' });
});
afterAll(async () => {
  view.close();
  await engine.vanish();
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

test('it waits for a catalog that does not exist yet, then knows its endpoints and every change', async () => {
  expect([view.loaded, chosen()]).toEqual([false, 'ENDPOINT_UNKNOWN']);
  await put('gpt-3.5', 1_000);
  await view.ready();
  expect(view.loaded).toBe(true);
  await waitUntil('the endpoint routes', () => chosen() === engine.id);
  await put('gpt-3.5', 3_000);
  await waitUntil('the change arrives', () => view.endpoint('gpt-3.5')?.timeoutMs === 3_000);
});

test('what the shards that it hears of run on tells why an endpoint lies nowhere', async () => {
  const variants = [{ version: 'd'.repeat(64), label: 'v1', weight: 10_000 }];
  await put('on-gpu', 1_000, { variants, placement: { policy: 'user', devices: ['cuda'] } });
  await waitUntil('the endpoint is known', () => view.endpoint('on-gpu'));
  expect(view.route({ endpoint: 'on-gpu' })).toMatchObject({
    code: 'NOT_READY',
    message: expect.stringContaining('it is to run on cuda, and the shards have cpu') as string,
  });
});

test('while the server is away the last good table stays, and after it is back changes arrive again', async () => {
  await nats.kill('SIGKILL');
  await waitUntil('the connection is seen down', () => !bus.connected());
  expect(view.endpoint('gpt-3.5')?.timeoutMs).toBe(3_000);
  expect(view.replica(engine.id)).toMatchObject({ ready: true, fresh: false });
  await nats.restart();
  await waitUntil('the replica is reached again', () => view.replica(engine.id)?.fresh);
  await waitUntil('writes work again', () => put('gpt-3.5', 4_000).then(() => true));
  await waitUntil('the change arrives', () => view.endpoint('gpt-3.5')?.timeoutMs === 4_000);
});

test('what cannot be read as a heartbeat changes nothing', async () => {
  bus.nc.publish('massif.heartbeat.east.shard-a', 'not json');
  bus.nc.publish('massif.heartbeat.east.shard-a', '{"shard":"shard-a"}');
  await bus.nc.flush();
  expect(chosen()).toBe(engine.id);
});

test('a catalog entry that is deleted makes the endpoint unknown', async () => {
  const kv = await bus.kv(buckets.catalog('east'));
  await kv.delete(keys.endpoint('gpt-3.5'));
  await waitUntil('it is gone', () => chosen() === 'ENDPOINT_UNKNOWN');
});
