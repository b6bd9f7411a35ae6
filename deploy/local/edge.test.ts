import { connect, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { Explanation } from '../../contracts/explain.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { gatewayService } from '../../services/gateway/gateway.module.js';
import { boot, type Running } from '../../services/mesh/boot.js';
import { silentLog } from '../../services/mesh/log.js';
import { RouteView } from '../../services/mesh/routing/route-view.js';
import { FakeEngine } from '../../services/mesh/testing/fake-engine.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { routerService } from '../../services/router/router.module.js';
import { type ConsulServer, startConsul } from './consul.js';
import { type NatsServer, startNats } from './nats.js';

const VERSION = 'a'.repeat(64);
const endpoint: EndpointRecord = {
  name: 'echo',
  model: 'echo',
  variants: [{ version: VERSION, label: '1.0', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 3_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let edge: Running;
let engine: FakeEngine;
let caller: NatsConnection;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-edge-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  caller = await connect({ servers: nats.url });
  edge = await boot({
    services: [routerService, gatewayService],
    config: {
      instance: 'edge-east-1',
      region: 'east',
      homeRegion: 'east',
      regions: ['east'],
      natsUrl: nats.url,
      consulUrl: consul.url,
      keysDir: dir,
      dataDir: dir,
      restPort: 0,
      restHost: '127.0.0.1',
    },
    log: silentLog,
  });
  const catalog = await edge.parts.bus.kv(buckets.catalog('east'));
  await catalog.put(keys.endpoint('echo'), JSON.stringify(endpoint));
  engine = await FakeEngine.start({ url: nats.url, region: 'east', shard: 'shard-east-1', version: VERSION });
  await waitUntil('the edge sees the endpoint', () => edge.app.get(RouteView).endpoint('echo'));
}, 30_000);
afterAll(async () => {
  await engine?.vanish();
  await edge?.stop();
  await caller?.close();
  await consul?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

const overNats = async () =>
  (await caller.request(subjects.infer('echo'), '{}', { timeout: 3_000 })).string();
const overRest = async () =>
  (
    await fetch(`${edge.restUrl}/v2/models/echo/infer`, {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    })
  ).text();

test('both doors of one process answer', async () => {
  expect(await overNats()).toBe('{}');
  expect(await overRest()).toBe('{}');
});

test('the services protocol shows router and gateway, and the door with its counts', async () => {
  const stats = async (name: string) =>
    (await caller.request(`$SRV.STATS.${name}`, '', { timeout: 2_000 })).json<{
      endpoints: { name: string; num_requests: number }[];
    }>();
  await overNats();
  await waitUntil('the outcome has arrived', async () => {
    const { endpoints } = await stats('router');
    return (endpoints.find(({ name }) => name === 'infer')?.num_requests ?? 0) > 0;
  });
  expect((await caller.request('$SRV.PING.gateway', '', { timeout: 2_000 })).json()).toMatchObject({
    name: 'gateway',
    id: 'edge-east-1',
  });
});

test('explain says which replica would be asked, and why', async () => {
  const asked = await caller.request(subjects.explain('echo'), JSON.stringify({ user: 'ann' }), {
    timeout: 2_000,
  });
  const explanation = Explanation.parse(asked.json());
  expect(explanation).toMatchObject({ endpoint: 'echo', region: 'east', label: '1.0', replica: engine.id });
  expect(explanation.reasons.length).toBeGreaterThan(1);
  expect(explanation.candidates).toMatchObject([{ replica: engine.id, verdict: 'eligible' }]);
  const unknown = await caller.request(subjects.explain('no.such'), '', { timeout: 2_000 });
  expect(unknown.json()).toMatchObject({ endpoint: 'no.such', refusal: 'ENDPOINT_UNKNOWN', candidates: [] });
});

test('without Consul both doors go on as before', async () => {
  await consul.kill();
  expect(await overNats()).toBe('{}');
  expect(await overRest()).toBe('{}');
  await consul.restart();
});

test('after the NATS server was killed and restarted both doors answer again, without a new list of endpoints', async () => {
  await nats.kill();
  expect(edge.app.get(RouteView).endpoint('echo')).toBeDefined();
  await nats.restart();
  await waitUntil('NATS answers', async () => (await overNats()) === '{}');
  await waitUntil('REST answers', async () => (await overRest()) === '{}');
}, 30_000);
