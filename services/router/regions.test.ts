import { connect, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { headers } from '../../contracts/headers.js';
import { LinksReply } from '../../contracts/links.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { silentLog } from '../mesh/log.js';
import { LinkProbe } from '../mesh/routing/link-probe.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { FakeEngine } from '../mesh/testing/fake-engine.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { routerService } from './router.module.js';

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
let east: NatsServer;
let west: NatsServer;
let eastRouter: Running;
let westRouter: Running;
let eastCaller: NatsConnection;
let westCaller: NatsConnection;
let westEngine: FakeEngine;

const router = (region: string, { url }: NatsServer) =>
  boot({
    services: [routerService],
    config: {
      instance: `router-${region}-1`,
      region,
      homeRegion: 'east',
      regions: ['east', 'west'],
      natsUrl: url,
      // Nobody there: routing does not need Consul.
      consulUrl: 'http://127.0.0.1:1',
      keysDir: dir,
      dataDir: dir,
    },
    log: silentLog,
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-regions-'));
  east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  [eastRouter, westRouter] = await Promise.all([router('east', east), router('west', west)]);
  [eastCaller, westCaller] = await Promise.all([
    connect({ servers: east.url }),
    connect({ servers: west.url }),
  ]);
  const catalog = await eastRouter.parts.bus.kv(buckets.catalog('east'));
  await catalog.put(keys.endpoint('echo'), JSON.stringify(endpoint));
  westEngine = await FakeEngine.start({
    url: west.url,
    region: 'west',
    shard: 'shard-west-1',
    version: VERSION,
  });
  for (const { app } of [eastRouter, westRouter]) {
    const view = app.get(RouteView);
    await waitUntil(
      'both routers see everything',
      () => view.endpoint('echo') && view.replicas(VERSION)[0]?.fresh,
      20_000,
    );
  }
}, 60_000);
afterAll(async () => {
  await westEngine?.vanish();
  await Promise.all([eastCaller?.close(), westCaller?.close()]);
  await eastRouter?.stop();
  await westRouter?.stop();
  await west?.stop();
  await east?.stop();
  await rm(dir, { recursive: true, force: true });
}, 30_000);

const ask = async (caller: NatsConnection) =>
  (await caller.request(subjects.infer('echo'), '{}', { timeout: 3_000 })).headers?.get(headers.replica);

test('an endpoint whose only replica is in the other region is served from there, straight to the caller', async () => {
  expect(await ask(eastCaller)).toBe(westEngine.id);
});

test('a replica of the own region is asked first', async () => {
  const eastEngine = await FakeEngine.start({
    url: east.url,
    region: 'east',
    shard: 'shard-east-1',
    version: VERSION,
  });
  for (const { app } of [eastRouter, westRouter])
    await waitUntil(
      'both replicas are seen',
      () =>
        app
          .get(RouteView)
          .replicas(VERSION)
          .filter(({ fresh }) => fresh).length === 2,
    );
  for (let i = 0; i < 5; i++) {
    expect(await ask(eastCaller)).toBe(eastEngine.id);
    expect(await ask(westCaller)).toBe(westEngine.id);
  }
  await eastEngine.vanish();
});

/** So many callers, each with one request at a time, for a second: who answered, and what was refused. */
async function busy(name: string, callers: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const untilMs = performance.now() + 1_000;
  const call = async () => {
    while (performance.now() < untilMs) {
      const answer = await eastCaller.request(subjects.infer(name), '{}', { timeout: 5_000 });
      const by = answer.headers?.get(headers.errorCode) || answer.headers?.get(headers.replica) || 'nobody';
      counts[by] = (counts[by] ?? 0) + 1;
      if (answer.headers?.has(headers.errorCode)) await sleep(20);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return counts;
}

test('a region at its limit sends the rest away while the other has room, and none where residency forbids it', async () => {
  const version = 'b'.repeat(64);
  const variants = [{ version, label: '1.0', weight: 10_000 }];
  const catalog = await eastRouter.parts.bus.kv(buckets.catalog('east'));
  const anywhere = { ...endpoint, name: 'anywhere', variants };
  const resident = {
    ...anywhere,
    name: 'resident',
    placement: { policy: 'user', regions: ['east'] },
  };
  for (const record of [anywhere, resident])
    await catalog.put(keys.endpoint(record.name), JSON.stringify(record));
  const engine = (region: string, { url }: NatsServer) =>
    FakeEngine.start({ url, region, shard: `shard-${region}-2`, version, capacity: 10 });
  const engines = await Promise.all([engine('east', east), engine('west', west)]);
  for (const one of engines) one.slowBy(30);
  const [nearId = '', farId = ''] = engines.map(({ id }) => id);
  const view = eastRouter.app.get(RouteView);
  const seen = () =>
    view.endpoint('resident') && view.replicas(version).filter(({ fresh }) => fresh).length === 2;
  await waitUntil('the router sees them', seen);

  const few = await busy('anywhere', 5);
  expect(Object.keys(few)).toEqual([nearId]);
  const many = await busy('anywhere', 16);
  expect(Object.keys(many).toSorted()).toEqual([nearId, farId].toSorted());
  expect(many[nearId]).toBeGreaterThan(many[farId] ?? 0);
  const held = await busy('resident', 16);
  expect(held[farId]).toBeUndefined();
  expect(held['MAILBOX_FULL']).toBeGreaterThan(0);
  await Promise.all(engines.map((one) => one.vanish()));
});

test('the way to the other region is measured from both sides, over the bus', async () => {
  for (const [router, caller, to] of [
    [eastRouter, westCaller, 'west'],
    [westRouter, eastCaller, 'east'],
  ] as const) {
    const probe = router.app.get(LinkProbe);
    await waitUntil('it was measured', () => probe.report().links[0]?.measuredMs !== undefined, 20_000);
    const from = to === 'west' ? 'east' : 'west';
    const asked = await caller.request(subjects.links(from), '{}', { timeout: 3_000 });
    const { links } = LinksReply.parse(asked.json());
    expect(links).toMatchObject([{ from, to, class: 'internet', declared: false, mbitPerS: 200 }]);
    expect(links[0]?.latencyMs).toBe(links[0]?.measuredMs);
    // Losses of its class on top.
    expect(probe.distanceMs(to)).toBeCloseTo((links[0]?.latencyMs ?? 0) + 0.2, 3);
  }
});

test('a region that has lost its router is served by the other one', async () => {
  await eastRouter.stop();
  expect(await ask(eastCaller)).toBe(westEngine.id);
});

test('a region that is cut off serves on with what it knows', async () => {
  await east.kill();
  expect(await ask(westCaller)).toBe(westEngine.id);
});
