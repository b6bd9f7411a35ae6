// Copies over a real server: what the caller gets, what the shadow gets, and what is told of the pair.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buckets, keys } from '../../../contracts/buckets.js';
import { headers } from '../../../contracts/headers.js';
import { encodeInferResponse } from '../../../contracts/infer-body.js';
import { EndpointRecord } from '../../../contracts/registry.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../bus.js';
import { systemClock } from '../clock.js';
import { Dispatcher } from './dispatch.js';
import { EvidenceBook } from '../evidence/book.js';
import { systemRandom } from '../random.js';
import { RouteView } from '../routing/route-view.js';
import { type ShadowEnd, ShadowMirror } from './shadow-mirror.js';
import { FakeEngine } from '../testing/fake-engine.js';
import { waitUntil } from '../testing/wait-until.js';

const V1 = '1'.repeat(64);
const V2 = '2'.repeat(64);
const record = EndpointRecord.parse({
  name: 'ocr',
  model: 'ocr',
  variants: [
    { version: V1, label: 'v1', weight: 10_000, arm: 'stable' },
    { version: V2, label: 'v2', weight: 0, arm: 'next' },
  ],
  epoch: 7,
  shadow: { arm: 'next', share: 10_000 },
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
});
const body = { bytes: new TextEncoder().encode('{"inputs":[]}'), jsonLength: undefined };
const scores =
  (...values: number[]) =>
  () =>
    encodeInferResponse(
      {
        modelName: 'ocr',
        outputs: [
          { name: 'y', datatype: 'FP32', shape: [1, values.length], data: Float32Array.from(values) },
        ],
      },
      { binaryOutput: true },
    );

let dir: string;
let nats: NatsServer;
let bus: Bus;
let view: RouteView;
let dispatcher: Dispatcher;
let evidence: EvidenceBook;
let stable: FakeEngine;
let next: FakeEngine;
const ends: ShadowEnd[] = [];
let dropped = 0;
const observer = { shadowed: (end: ShadowEnd) => void ends.push(end), shadowDropped: () => void dropped++ };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-shadow-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'shadow', region: 'east' });
  const start = (version: string) =>
    FakeEngine.start({ url: nats.url, region: 'east', shard: `shard-${version[0]}`, version });
  [stable, next] = await Promise.all([start(V1), start(V2)]);
  const kv = await bus.kv(buckets.catalog('east'), { create: {} });
  await kv.put(keys.endpoint('ocr'), JSON.stringify(record));
  view = new RouteView({ buses: [bus], clock: systemClock, random: systemRandom });
  evidence = new EvidenceBook('test', (name) => view.endpoint(name));
  dispatcher = new Dispatcher({
    buses: [bus],
    view,
    clock: systemClock,
    random: systemRandom,
    observer,
    evidence,
  });
  await waitUntil('both are seen', () => view.replicas(V1)[0]?.fresh && view.replicas(V2)[0]?.fresh);
  stable.answerWith(scores(1, 2, 4));
});
beforeEach(() => {
  ends.length = 0;
  dropped = 0;
  next.slowBy(0);
  next.failWith(undefined);
  next.answerWith(scores(1, 2, 3));
});
afterAll(async () => {
  dispatcher.close();
  view.close();
  await stable.vanish();
  await next.vanish();
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

test('the caller gets the real answer, the shadow a marked copy, and the pair is told with arm and epoch', async () => {
  const { replica } = await dispatcher.infer('ocr', body);
  expect(replica).toBe(stable.id);
  await waitUntil('the pair is told', () => ends.length === 1);
  expect(ends[0]).toMatchObject({ arm: 'next', epoch: 7, failed: false, disagreed: true, difference: 0.25 });
  expect(next.received.at(-1)?.get(headers.shadow)).toBe('next');
  expect(stable.received.at(-1)?.has(headers.shadow)).toBe(false);
  const told = evidence.reports('east', systemClock.now());
  expect(told).toMatchObject([{ endpoint: 'ocr', epoch: 7 }]);
  expect(told[0]?.arms.find(({ arm }) => arm === 'next')?.shadow).toMatchObject({
    pairs: 1,
    disagreed: 1,
    failed: 0,
    diffMax: 0.25,
  });
});

test('a shadow that fails or hangs costs the caller nothing and stands in no breaker', async () => {
  next.failWith('MODEL_FAILED');
  for (let i = 0; i < 50; i++) expect((await dispatcher.infer('ocr', body)).attempts).toBe(1);
  await waitUntil('all are told', () => ends.length + dropped === 50);
  expect(ends.every(({ failed }) => failed)).toBe(true);
  expect(view.replicas(V2)[0]).toMatchObject({ blocked: false, penalty: 0 });
});

test('above its room copies are dropped at once, and every call is answered', async () => {
  next.slowBy(500);
  const answers = await Promise.all(Array.from({ length: 100 }, () => dispatcher.infer('ocr', body)));
  expect(answers).toHaveLength(100);
  expect(dropped).toBe(100 - 16);
  await waitUntil('the copies come home', () => ends.length === 16);
});

test('a version that is asked for by name is not copied', async () => {
  const before = next.received.length;
  await dispatcher.infer('ocr', body, { version: 'v1' });
  await bus.nc.flush();
  expect(next.received).toHaveLength(before);
});

test('where the real answer goes elsewhere, the real arm is asked again as a copy: stable against stable is no distance', async () => {
  next.answerWith(scores(1, 2, 4));
  const mirror = new ShadowMirror({ buses: [bus], view, clock: systemClock, random: systemRandom, observer });
  mirror.offerTwice({ endpoint: 'ocr', body });
  await waitUntil('the pair is told', () => ends.length === 1);
  expect(ends[0]).toMatchObject({ disagreed: false, difference: 0 });
  expect(stable.received.at(-1)?.get(headers.shadow)).toBe('stable');
  expect(mirror.underWay).toBe(0);
});
