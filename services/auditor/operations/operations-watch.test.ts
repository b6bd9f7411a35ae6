// The watch on a real NATS server: what shards and processes say there becomes alerts, and ends them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlertRoutes } from '../../../contracts/alert.js';
import { buckets, keys } from '../../../contracts/buckets.js';
import { Objectives } from '../../../contracts/objectives.js';
import { EndpointRecord } from '../../../contracts/registry.js';
import { subjects } from '../../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../../mesh/bus.js';
import { systemClock } from '../../mesh/clock.js';
import { silentLog } from '../../mesh/log.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { AlertDesk } from '../alerts/alert-desk.js';
import { OperationsWatch } from './operations-watch.js';

const VERSION = 'a'.repeat(64);
let dir: string;
let nats: NatsServer;
let bus: Bus;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-operations-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'auditor', region: 'east' });
});
afterEach(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

test('a failing endpoint without replicas on a full disk makes three alerts, and what is mended is over', async () => {
  const catalog = await bus.kv(buckets.catalog('east'), { create: { history: 1 } });
  const record = EndpointRecord.parse({
    name: 'ocr',
    model: 'ocr',
    variants: [{ version: VERSION, label: '1', weight: 10_000 }],
    salt: 's',
    assignment: 'request',
    replicasPerRegion: 1,
    timeoutMs: 1_000,
    updatedAt: '2026-01-01T00:00:00Z',
  });
  await catalog.put(keys.endpoint('ocr'), JSON.stringify(record));
  let failed = 0;
  bus.nc.subscribe(subjects.metrics('east'), {
    callback: (_, message) => {
      failed += 1_000;
      void message.respond(
        `massif_request_seconds_count{endpoint="ocr",version="1",door="nats",code="503"} ${failed}\n`,
      );
    },
  });
  const at = new Date(systemClock.now()).toISOString();
  const status = {
    instance: 'edge-east',
    services: ['router'],
    region: 'east',
    pid: 1,
    version: '1',
    startedAt: at,
    now: at,
    rssBytes: 1,
    disk: { id: 'host 1', freeBytes: 1, totalBytes: 1_000 },
  };
  bus.nc.subscribe(subjects.status(), {
    callback: (_, message) => void message.respond(JSON.stringify(status)),
  });
  let replicas: object[] = [];
  const stopBeats = systemClock.every(200, () =>
    bus.nc.publish(
      subjects.heartbeat('east', 'shard-east-1'),
      JSON.stringify({
        shard: 'shard-east-1',
        region: 'east',
        pid: 1,
        seq: 1,
        state: 'ready',
        engines: [],
        replicas,
        device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
      }),
    ),
  );
  const desk = await AlertDesk.open({
    bucket: await bus.kv(buckets.alerts('east'), { create: { history: 1 } }),
    routes: AlertRoutes.parse({}),
    send: () => Promise.resolve(),
    clock: systemClock,
    log: silentLog,
  });
  const objectives = Objectives.parse({ lookS: 1, replicaMissingS: 1, regionSilentS: 1 });
  const watch = new OperationsWatch({
    bus,
    regions: ['east'],
    objectives,
    desk,
    clock: systemClock,
    log: silentLog,
  });
  watch.begin();
  const kinds = (over: boolean) =>
    desk
      .list()
      .filter(({ overAt }) => (overAt !== undefined) === over)
      .map(({ kind, about, severity }) => `${kind} ${about.slice(0, 6)} ${severity}`)
      .toSorted();
  await waitUntil('three alerts', () => kinds(false).length === 3, 30_000);
  expect(kinds(false)).toEqual([
    'disk.full host 1 critical',
    'objective.availability ocr critical',
    'replica.missing ocr aa critical',
  ]);
  replicas = [
    {
      id: 'shard-east-1_a',
      model: 'ocr',
      version: VERSION,
      state: 'ready',
      inFlight: 0,
      capacity: 1,
      latencyMs: 1,
      batchMax: 1,
      served: 0,
      failed: 0,
      epoch: 1,
    },
  ];
  await waitUntil('the replica is there', () => kinds(true).length === 1, 30_000);
  expect(kinds(true)).toEqual(['replica.missing ocr aa critical']);
  expect(kinds(false)).toHaveLength(2);
  watch.close();
  desk.close();
  stopBeats();
}, 90_000);
