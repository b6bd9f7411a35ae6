// Two regions with real servers; the home region goes away, and orders of safety given in the other one count all the same.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { headers } from '../../contracts/headers.js';
import { type Order, OverrideReply, OverridesReply } from '../../contracts/override.js';
import { EndpointRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { prepareKeys } from '../../deploy/local/keys.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { systemClock } from '../mesh/clock.js';
import { type Log, type LogFields, silentLog } from '../mesh/log.js';
import { keyOf, signOrder } from '../mesh/trust/order.js';
import { OrderBook } from '../mesh/trust/order-book.js';
import { OverrideWatch } from '../mesh/trust/override-watch.js';
import { systemRandom } from '../mesh/random.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { newKeyPair, privateKeyOf } from '../mesh/trust/signing-key.js';
import { FakeEngine } from '../mesh/testing/fake-engine.js';
import { anOrder, ofVersion } from '../mesh/testing/orders.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { routerService } from './router.module.js';

const V1 = '1'.repeat(64);
const V2 = '2'.repeat(64);
const endpoint = EndpointRecord.parse({
  name: 'ocr',
  model: 'ocr',
  variants: [
    { version: V1, label: 'v1', weight: 5_000, arm: 'stable' },
    { version: V2, label: 'v2', weight: 5_000, arm: 'canary' },
  ],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 3_000,
  updatedAt: '2026-01-01T00:00:00Z',
});
const canary: Order['target'] = { kind: 'arm', endpoint: 'ocr', arm: 'canary' };

let dir: string;
let east: NatsServer;
let west: NatsServer;
let routers: Running[];
let caller: NatsConnection;
let bus: Bus;
let engines: FakeEngine[];
let operator: ReturnType<typeof privateKeyOf>;
/** As the client library has it: no keys folder, the trust root is the one that the region tells of. */
let client: { view: RouteView; watch: OverrideWatch };
const events: [string, LogFields][] = [];
const log: Log = {
  ...silentLog,
  warn: (event, fields = {}) => void events.push([event, fields]),
  child: () => log,
};

const router = (region: string, { url }: NatsServer) =>
  boot({
    services: [routerService],
    config: {
      instance: `router-${region}-1`,
      region,
      homeRegion: 'east',
      regions: ['east', 'west'],
      natsUrl: url,
      consulUrl: 'http://127.0.0.1:1',
      keysDir: join(dir, 'keys'),
      dataDir: dir,
    },
    log,
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-overrides-'));
  await prepareKeys(join(dir, 'keys'));
  operator = privateKeyOf(await readFile(join(dir, 'keys', 'operator.pem'), 'utf8'));
  east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  routers = await Promise.all([router('east', east), router('west', west)]);
  caller = await connect({ servers: west.url });
  bus = await connectBus({ url: west.url, name: 'client', region: 'west' });
  const catalog = await routers[0]?.parts.bus.kv(buckets.catalog('east'));
  await catalog?.put(keys.endpoint('ocr'), JSON.stringify(endpoint));
  engines = await Promise.all(
    [V1, V2].map((version) =>
      FakeEngine.start({ url: west.url, region: 'west', shard: `shard-west-${version[0]}`, version }),
    ),
  );
  const book = new OrderBook();
  const watch = new OverrideWatch({
    places: [{ bus, region: 'west' }],
    book,
    clock: systemClock,
    log: silentLog,
  });
  const view = new RouteView({ buses: [bus], clock: systemClock, random: systemRandom, orders: book });
  client = { view, watch };
  for (const one of [...routers.map(({ app }) => app.get(RouteView)), view])
    await waitUntil(
      'everybody sees both versions',
      () => one.endpoint('ocr') && one.replicas(V1)[0]?.fresh && one.replicas(V2)[0]?.fresh,
      20_000,
    );
}, 60_000);
afterAll(async () => {
  client?.watch.close();
  client?.view.close();
  for (const engine of engines ?? []) await engine.vanish();
  await caller?.close();
  await bus?.drain();
  for (const one of routers ?? []) await one.stop();
  await west?.stop();
  await east?.stop();
  await rm(dir, { recursive: true, force: true });
}, 30_000);

const give = async (order: Order) => {
  const body = JSON.stringify({ envelope: signOrder(order, operator) });
  const reply = await caller.request(subjects.override('west'), body, { timeout: 3_000 });
  const code = reply.headers?.get(headers.errorCode);
  return code ? { code } : OverrideReply.parse(reply.json());
};
const listed = async () =>
  OverridesReply.parse((await caller.request(subjects.overrides('west'), '{}', { timeout: 3_000 })).json())
    .orders;
const answered = async (subject = subjects.infer('ocr')) => {
  const { headers: said } = await caller.request(subject, '{}', { timeout: 3_000 });
  return said?.get(headers.errorCode) || said?.get(headers.replica);
};
const arms = (view: RouteView) => view.endpoint('ocr')?.variants.map(({ weight }) => weight);
const ignored = () =>
  events.filter(([event]) => event === 'override.ignored').map(([, { message }]) => String(message));
const put = async (key: string, value: object) =>
  (await bus.kv(buckets.overrides('west'))).put(key, JSON.stringify(value));

test('with the home region down a weight-0 order takes effect in the other: routers and clients send the arm nothing more', async () => {
  await east.kill();
  await waitUntil('the client knows whom to trust', async () =>
    (await bus.kv(buckets.overrides('west'))).get(keys.trust()),
  );
  expect(await give(anOrder({ target: canary }))).toMatchObject({ accepted: { order: { region: 'west' } } });
  await waitUntil('client and router obey', () =>
    [client.view, routers[1]?.app.get(RouteView) as RouteView].every((view) => arms(view)?.[1] === 0),
  );
  for (let i = 0; i < 50; i++) expect(await answered()).toBe(engines[0]?.id);
  // An arm without a share still answers who asks for its version by name.
  expect(await answered(subjects.inferVersion('ocr', 'v2'))).toBe(engines[1]?.id);
  expect(await listed()).toMatchObject([{ order: { action: 'weight-zero', reason: 'bad answers' } }]);
});

test('a quarantined version is refused by name with a code', async () => {
  await give(anOrder({ target: ofVersion(V2) }));
  await waitUntil('the client obeys', () => client.view.endpoint('ocr')?.withheld?.versions.has(V2));
  expect(await answered(subjects.inferVersion('ocr', 'v2'))).toBe('WITHHELD');
  expect(client.view.route({ endpoint: 'ocr', version: 'v2' })).toMatchObject({ code: 'WITHHELD' });
});

test('forged, expired and replayed orders in the bucket are ignored and logged, and so is one for another region', async () => {
  const target = ofVersion(V1);
  const stranger = privateKeyOf(newKeyPair('operator').privateKeyPem);
  const hourAgo = Date.now() - 3_600_000;
  const bad: [Order, typeof operator, RegExp][] = [
    [anOrder({ target }), stranger, /No operator/],
    [anOrder({ target, expiresAt: new Date(hourAgo + 60_000).toISOString() }, hourAgo), operator, /ended at/],
    [anOrder({ target, region: 'east' }), operator, /is for region east/],
  ];
  for (const [order, key, sentence] of bad) {
    await put(keyOf(target), { envelope: signOrder(order, key) });
    await waitUntil('it is logged', () => ignored().some((message) => sentence.test(message)));
  }
  // A router refuses to write them, too.
  expect(await give(anOrder({ target, region: 'east' }))).toEqual({ code: 'UNSIGNED' });
  const old = anOrder({ target: canary });
  await give(old);
  await give(anOrder({ target: canary, action: 'lift' }));
  await put(keyOf(canary), { envelope: signOrder(old, operator) });
  await waitUntil('the replay is logged', () => ignored().some((message) => message.includes('older than')));
  expect(client.view.route({ endpoint: 'ocr' })).toMatchObject({ version: V1 });
  expect(await answered()).toBe(engines[0]?.id);
});

test('what is deleted without a lift stays in force, and a lift that is signed brings the version back', async () => {
  await (await bus.kv(buckets.overrides('west'))).delete(keyOf(ofVersion(V2)));
  await give(anOrder({ target: ofVersion(V1), action: 'lift' }));
  expect(client.view.endpoint('ocr')?.withheld?.versions.has(V2)).toBe(true);
  await give(anOrder({ target: ofVersion(V2), action: 'lift' }));
  await waitUntil('everybody has it back', () =>
    [client.view, routers[1]?.app.get(RouteView) as RouteView].every((view) => arms(view)?.[1] === 5_000),
  );
});

test('when the regions meet again, what one withheld is withheld in both', async () => {
  await give(anOrder({ target: canary }));
  await east.restart();
  await waitUntil(
    'the home obeys the order of the other region',
    () => arms(routers[0]?.app.get(RouteView) as RouteView)?.[1] === 0,
    30_000,
  );
}, 40_000);
