import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../../contracts/buckets.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../bus.js';
import { systemClock } from '../clock.js';
import { Dispatcher, type DispatchResult } from './dispatch.js';
import { systemRandom } from '../random.js';
import { RouteView } from '../routing/route-view.js';
import { FakeEngine } from '../testing/fake-engine.js';
import { waitUntil } from '../testing/wait-until.js';

const VERSION = 'b'.repeat(64);
const body = { bytes: new TextEncoder().encode('{"inputs":[]}'), jsonLength: undefined };
const record: EndpointRecord = {
  name: 'echo',
  model: 'echo',
  variants: [{ version: VERSION, label: 'v1', weight: 10_000 }],
  salt: 'echo-1',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

let dir: string;
let east: NatsServer;
let west: NatsServer;
let buses: [Bus, Bus];
let view: RouteView;
let dispatcher: Dispatcher;
let near: FakeEngine;
let far: FakeEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-regions-'));
  east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  buses = await Promise.all([
    connectBus({ url: east.url, name: 'caller', region: 'east' }),
    connectBus({ url: west.url, name: 'caller', region: 'west' }),
  ]);
  for (const bus of buses) {
    const catalog = await bus.kv(buckets.catalog(bus.region), { create: {} });
    await catalog.put(keys.endpoint('echo'), JSON.stringify(record));
  }
  near = await FakeEngine.start({ url: east.url, region: 'east', shard: 'shard-east-1', version: VERSION });
  far = await FakeEngine.start({ url: west.url, region: 'west', shard: 'shard-west-1', version: VERSION });
  view = new RouteView({ buses, clock: systemClock, random: systemRandom });
  dispatcher = new Dispatcher({ buses, view, clock: systemClock, random: systemRandom });
  await view.ready();
  await bothSeen();
});
afterAll(async () => {
  dispatcher.close();
  view.close();
  await Promise.all([near.vanish(), far.vanish()]);
  await Promise.all(buses.map((bus) => bus.drain()));
  await Promise.all([east.stop(), west.stop()]);
  await rm(dir, { recursive: true, force: true });
});

const bothSeen = () =>
  waitUntil(
    'both replicas are seen',
    () => view.replicas(VERSION).filter((r) => r.fresh && r.ready).length === 2,
  );

/** Calls without pause until told to stop; tells what became of them. */
function load() {
  const outcomes: Promise<DispatchResult>[] = [];
  const timer = setInterval(() => outcomes.push(dispatcher.infer('echo', body, { timeoutMs: 2_000 })), 5);
  const answeredBy = async (from: number, id: string) =>
    (await Promise.allSettled(outcomes.slice(from))).some(
      (o) => o.status === 'fulfilled' && o.value.replica === id,
    );
  return {
    outcomes,
    answeredBy,
    stop: async () => {
      clearInterval(timer);
      const all = await Promise.allSettled(outcomes);
      return all.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => String(reason));
    },
  };
}

test.each([
  ['of the own region', () => east, () => far],
  ['of the other region', () => west, () => near],
])(
  'a killed NATS server %s fails no call, and its region serves again when it is back',
  async (_, server, other) => {
    const calls = load();
    await waitUntil('calls are answered', () => calls.outcomes.length > 20);
    await server().kill('SIGKILL');
    const killedAt = calls.outcomes.length;
    await waitUntil('the other region answers', () => calls.answeredBy(killedAt, other().id));
    await server().restart();
    await bothSeen();
    const back = calls.outcomes.length;
    await waitUntil('the own region answers again', () => calls.answeredBy(back, near.id));
    expect(await calls.stop()).toEqual([]);
  },
);

test('a replica of the other region is called over its own server, and over the leaf link when that connection is down', async () => {
  near.become('draining');
  await waitUntil('it is seen', () => view.replica(near.id)?.ready === false);
  await waitUntil('the way is its own server', () => view.replica(far.id)?.link === 1);
  expect((await dispatcher.infer('echo', body)).replica).toBe(far.id);
  await buses[1].nc.close();
  await waitUntil('the way is the leaf link', () => view.replica(far.id)?.link === 0);
  expect(await dispatcher.infer('echo', body)).toMatchObject({ replica: far.id, attempts: 1 });
});
