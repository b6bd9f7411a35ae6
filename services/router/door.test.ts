import {
  connect,
  createInbox,
  headers as natsHeaders,
  type Msg,
  type NatsConnection,
} from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { headers } from '../../contracts/headers.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { Answer } from '../mesh/answer.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { systemClock } from '../mesh/clock.js';
import { Endpoints } from '../mesh/endpoints.js';
import { silentLog } from '../mesh/log.js';
import { systemRandom } from '../mesh/random.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { Metrics } from '../mesh/telemetry.js';
import { FakeEngine } from '../mesh/testing/fake-engine.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { RouterDoor } from './door.js';
import { RefusalLog } from './refusal-log.js';
import { readRouterConfig } from './router.config.js';

const VERSION = 'a'.repeat(64);
const record = (name: string, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
  name,
  model: 'echo',
  variants: [{ version: VERSION, label: '1.0', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 3_000,
  updatedAt: '2026-01-01T00:00:00Z',
  ...more,
});

let dir: string;
let nats: NatsServer;
let bus: Bus;
let caller: NatsConnection;
let metrics: Metrics;
let view: RouteView;
let door: RouterDoor;
const engines: FakeEngine[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-router-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'router', region: 'east' });
  caller = await connect({ servers: nats.url });
  const catalog = await bus.kv(buckets.catalog('east'), { create: {} });
  for (const endpoint of [
    record('echo'),
    record('gpt-3.5'),
    record('hedged', { hedgeAfterMs: 20 }),
    record('split', { assignment: 'user' }),
    record('empty', { variants: [{ version: 'e'.repeat(64), label: '1.0', weight: 10_000 }] }),
  ])
    await catalog.put(keys.endpoint(endpoint.name), JSON.stringify(endpoint));
});
afterAll(async () => {
  await caller.close();
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(async () => {
  for (const engine of engines) engine.muteAnswers(false);
  await door.close();
  expect(door.held).toEqual({ calls: 0, bytes: 0 });
  view.close();
  await Promise.all(engines.splice(0).map((engine) => engine.vanish()));
});

/** A door with these shards behind it. */
async function opened(shards: readonly string[], env: Record<string, string> = {}): Promise<FakeEngine[]> {
  view = new RouteView({ buses: [bus], clock: systemClock, random: systemRandom });
  metrics = new Metrics({}, systemClock);
  door = new RouterDoor({
    bus,
    view,
    clock: systemClock,
    random: systemRandom,
    config: readRouterConfig(env),
    metrics,
    refusals: new RefusalLog(systemClock, silentLog),
    endpoint: new Endpoints(['router']).add('router', {
      name: 'infer',
      subject: 'massif.infer.*',
      queue: 'router',
    }),
  });
  for (const shard of shards)
    engines.push(await FakeEngine.start({ url: nats.url, region: 'east', shard, version: VERSION }));
  await view.ready();
  await waitUntil('the router sees the shards', () => view.replicas(VERSION).length === shards.length);
  await door.open();
  return engines;
}

async function ask(
  subject: string,
  {
    body = '{"inputs":[]}',
    send = {},
    timeout = 4_000,
  }: { body?: string | Uint8Array; send?: Record<string, string>; timeout?: number } = {},
): Promise<{ message: Msg; answer: Answer }> {
  const sent = natsHeaders();
  for (const [key, value] of Object.entries(send)) sent.set(key, value);
  const message = await caller.request(subject, body, { timeout, headers: sent });
  return { message, answer: new Answer(message) };
}
const code = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).answer.failure?.code;

test('a request is answered by the engine itself, with its bytes untouched', async () => {
  const [engine] = await opened(['a']);
  const body = Uint8Array.from({ length: 3_000 }, (_, i) => i % 251);
  const { message, answer } = await ask(subjects.infer('echo'), {
    body,
    send: { [headers.jsonLength]: '12', [headers.requestId]: 'req-1' },
  });
  expect(Buffer.from(message.data)).toEqual(Buffer.from(body));
  expect(answer).toMatchObject({ replica: engine?.id, jsonLength: 12 });
  expect(answer.headers().get(headers.requestId)).toBe('req-1');
  const seen = engine?.received[0];
  expect(seen?.get(headers.reply)).toMatch(/^_INBOX\./);
  expect(seen?.get(headers.endpoint)).toBe('echo');
  expect(Number(seen?.get(headers.timeoutMs))).toBeLessThanOrEqual(3_000);
});

test('a request without id gets one, and names with dots are names', async () => {
  await opened(['a']);
  const { answer } = await ask(subjects.infer('gpt-3.5'));
  expect(answer.failure).toBeUndefined();
  expect(answer.headers().get(headers.requestId)).toMatch(/^\w{10,}/);
  expect((await ask(subjects.inferVersion('gpt-3.5', '1.0'))).answer.failure).toBeUndefined();
  expect(await code(subjects.inferVersion('gpt-3.5', '2.0'))).toBe('VERSION_UNKNOWN');
});

test('a Massif-Reply of the caller is not passed on', async () => {
  const [engine] = await opened(['a']);
  await ask(subjects.infer('echo'), { send: { [headers.reply]: 'massif.registry.push' } });
  expect(engine?.received[0]?.get(headers.reply)).toMatch(/^_INBOX\./);
});

test('a retryable failure of one replica is made good by another, and the caller never hears of it', async () => {
  const [a, b] = await opened(['a', 'b']);
  a?.failWith('ENGINE_FAILED');
  for (let i = 0; i < 10; i++)
    expect((await ask(subjects.infer('echo'))).answer).toMatchObject({ replica: b?.id, failure: undefined });
  expect(a?.received.length).toBeGreaterThan(0);
});

test('an error that no other replica would make good goes home as it is', async () => {
  const [a] = await opened(['a', 'b']);
  for (const engine of engines) engine.failWith('TENSOR_MISMATCH');
  expect(await code(subjects.infer('echo'))).toBe('TENSOR_MISMATCH');
  expect((a?.received.length ?? 0) + (engines[1]?.received.length ?? 0)).toBe(1);
});

test('a replica that is gone costs the caller one try, not an error, and is not asked again', async () => {
  const [a, b] = await opened(['a', 'b']);
  b?.slowBy(20);
  b?.beat();
  await waitUntil('the router prefers the other', () => (view.replica(b?.id ?? '')?.latencyMs ?? 0) > 10);
  await a?.vanish();
  const { answer } = await ask(subjects.infer('echo'));
  expect(answer.replica).toBe(b?.id);
  expect(b?.received[0]?.get(headers.attempt)).toBe('2');
  expect(view.replica(a?.id ?? '')?.fresh).toBe(false);
  await ask(subjects.infer('echo'));
  expect(b?.received[1]?.get(headers.attempt)).toBeUndefined();
});

test('a replica that falls silent with requests in hand loses none of them', async () => {
  const [a, b] = await opened(['a', 'b']);
  a?.muteAnswers();
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(subjects.infer('echo'))));
  expect(answers.map(({ answer }) => answer.replica)).toEqual(answers.map(() => b?.id));
  expect(a?.received.length).toBeGreaterThan(0);
});

test('what an engine held when another took its replica over is sent again at once', async () => {
  const [a] = await opened(['a']);
  a?.slowBy(1_000);
  a?.beat();
  await waitUntil('the router knows it is slow', () => (view.replicas(VERSION)[0]?.latencyMs ?? 0) > 500);
  a?.slowBy(0);
  a?.muteAnswers();
  const asked = ask(subjects.infer('echo'));
  await waitUntil('it is held', () => a?.received.length === 1);
  a?.replaceEngine();
  expect((await asked).answer.replica).toBe(a?.id);
  expect(a?.received[1]?.get(headers.attempt)).toBe('2');
});

test('an answer that comes after another was asked still counts', async () => {
  const [a] = await opened(['a']);
  a?.slowBy(300);
  const { answer } = await ask(subjects.infer('echo'));
  expect(answer.replica).toBe(a?.id);
});

test('with hedging a slow replica is overtaken by another, without it none is asked', async () => {
  const [a, b] = await opened(['a', 'b']);
  a?.slowBy(150);
  a?.beat();
  b?.slowBy(150);
  b?.beat();
  await waitUntil('the router knows they are slow', () =>
    view.replicas(VERSION).every(({ latencyMs }) => latencyMs > 100),
  );
  await ask(subjects.infer('echo'));
  expect((a?.received.length ?? 0) + (b?.received.length ?? 0)).toBe(1);
  await ask(subjects.infer('hedged'));
  expect((a?.received.length ?? 0) + (b?.received.length ?? 0)).toBe(3);
  await waitUntil('both have answered', () => a?.inFlight === 0 && b?.inFlight === 0);
});

test('errors of the router are coded, with status, sentence and Retry-After', async () => {
  await opened(['a']);
  expect(await code(subjects.infer('nothing'))).toBe('ENDPOINT_UNKNOWN');
  expect(await code('massif.infer.a%00b')).toBe('ENDPOINT_UNKNOWN');
  expect(await code(subjects.infer('split'))).toBe('USER_REQUIRED');
  expect(await code(subjects.infer('split'), { send: { [headers.user]: 'ann' } })).toBeUndefined();
  expect(await code(subjects.infer('echo'), { send: { [headers.timeoutMs]: 'soon' } })).toBe('BAD_REQUEST');
  expect(await code(subjects.infer('echo'), { send: { [headers.timeoutMs]: '0' } })).toBe('DEADLINE');
  expect(await code(subjects.infer('echo'), { send: { [headers.jsonLength]: '99' } })).toBe('BAD_REQUEST');
  const { message, answer } = await ask(subjects.infer('empty'));
  expect(answer.failure?.code).toBe('NOT_READY');
  expect(message.headers?.get(headers.errorStatus)).toBe('503');
  expect(message.headers?.get(headers.retryAfter)).toBe('1');
  expect(message.json()).toMatchObject({ code: 'NOT_READY', retryable: true });
});

test('the deadline of a request is answered when it passes, and not before', async () => {
  const [a] = await opened(['a']);
  a?.muteAnswers();
  expect(await code(subjects.infer('echo'), { send: { [headers.timeoutMs]: '200' } })).toBe('DEADLINE');
});

test('one request more than the router may hold is told so at once', async () => {
  const [a] = await opened(['a'], { MASSIF_ROUTER_IN_FLIGHT_MAX: '2' });
  a?.slowBy(100);
  const codes = await Promise.all([1, 2, 3].map(() => code(subjects.infer('echo'))));
  expect(codes.filter((it) => it === 'MAILBOX_FULL').length).toBe(1);
  expect(codes.filter((it) => it === undefined).length).toBe(2);
});

test('with retries off a request is sent once', async () => {
  const [a] = await opened(['a', 'b'], { MASSIF_ROUTER_ATTEMPTS_MAX: '1' });
  for (const engine of engines) engine.failWith('ENGINE_FAILED');
  expect(await code(subjects.infer('echo'))).toBe('ENGINE_FAILED');
  expect((a?.received.length ?? 0) + (engines[1]?.received.length ?? 0)).toBe(1);
});

test('a reply subject that is no inbox is refused, and one of ours is not written to', async () => {
  await opened(['a']);
  const heard: string[] = [];
  caller.subscribe('massif.registry.push', { callback: (_, message) => void heard.push(message.subject) });
  const refused = new Promise<Msg>((resolve) => {
    caller.subscribe('my.replies', { max: 1, callback: (_, message) => resolve(message) });
  });
  caller.publish(subjects.infer('echo'), '{}', { reply: 'massif.registry.push' });
  caller.publish(subjects.infer('echo'), '{}');
  caller.publish(subjects.infer('echo'), '{}', { reply: 'my.replies' });
  expect(new Answer(await refused).failure?.code).toBe('BAD_REQUEST');
  const page = await metrics.text();
  expect(page).toContain('massif_router_dropped_total{why="internal"} 1');
  expect(page).toContain('massif_router_dropped_total{why="missing"} 1');
  expect(heard).toEqual([]);
});

test('an engine that answers the router instead of the caller is understood', async () => {
  await opened(['a']);
  const other = await connect({ servers: nats.url });
  const id = engines[0]?.id ?? '';
  await engines[0]?.vanish();
  other.subscribe(subjects.run(id), {
    callback: (_, message) => void message.respond(`old ${message.string()}`),
  });
  await other.flush();
  const { message } = await ask(subjects.infer('echo'), { body: 'x' });
  expect(message.string()).toBe('old x');
  await other.close();
});

test('a request that is too large for the bus with our headers is told so', async () => {
  await opened(['a']);
  const limit = bus.nc.info?.max_payload ?? 0;
  const { answer } = await ask(subjects.infer('echo'), { body: new Uint8Array(limit - 200) });
  expect(answer.failure?.code).toBe('TOO_LARGE');
});

test('leaving sees requests under way through, and tells the rest', async () => {
  const [a] = await opened(['a']);
  a?.slowBy(200);
  const asked = ask(subjects.infer('echo'));
  await waitUntil('it is under way', () => door.held.calls === 1);
  await door.close();
  expect((await asked).answer.failure).toBeUndefined();
  await expect(caller.request(subjects.infer('echo'), '', { timeout: 500 })).rejects.toThrow(
    /no responders/i,
  );
});

test('a plain caller calls its request off: the engine forgets it, the router holds nothing, and nobody is answered', async () => {
  const [a] = await opened(['a']);
  a?.muteAnswers();
  const [mine, others] = [createInbox(), createInbox()];
  let answers = 0;
  caller.subscribe(mine, { callback: () => void answers++ });
  for (const reply of [mine, others]) caller.publish(subjects.infer('echo'), '{}', { reply });
  await waitUntil('both are under way', () => a?.received.length === 2);
  caller.publish(subjects.callOff(), undefined, { reply: createInbox() });
  caller.publish(subjects.callOff());
  caller.publish(subjects.callOff(), undefined, { reply: mine });
  await waitUntil('one is called off', () => a?.cancelled === 1);
  expect(door.held.calls).toBe(1);
  caller.publish(subjects.callOff(), undefined, { reply: others });
  await waitUntil('nothing is held', () => door.held.calls === 0 && a?.cancelled === 2);
  expect(answers).toBe(0);
  expect(await metrics.text()).toContain('door="nats",code="499"} 2');
});

test('the histogram counts a request under its endpoint, version and status', async () => {
  await opened(['a']);
  await ask(subjects.infer('echo'));
  await ask(subjects.infer('nothing'));
  await waitUntil('both are over', () => door.held.calls === 0);
  const page = await metrics.text();
  expect(page).toContain(
    'massif_request_seconds_count{endpoint="echo",version="1.0",door="nats",code="200"} 1',
  );
  expect(page).toContain('massif_request_seconds_count{endpoint="",version="",door="nats",code="404"} 1');
});

test('a reply inbox of a caller with its own prefix is an inbox', async () => {
  await opened(['a']);
  const own = await connect({ servers: nats.url, inboxPrefix: '_INBOX_ann' });
  expect((await own.request(subjects.infer('echo'), '{}', { timeout: 2_000 })).string()).toBe('{}');
  await own.close();
  expect(createInbox()).toMatch(/^_INBOX\./);
});

test('time and priority in the body count like headers, and a header has the last word', async () => {
  const [a] = await opened(['a']);
  const body = '{"parameters":{"timeout":900000,"priority":2},"inputs":[]}';
  await ask(subjects.infer('echo'), { body });
  await ask(subjects.infer('echo'), { body, send: { [headers.timeoutMs]: '700', [headers.priority]: '1' } });
  expect(a?.received.map((seen) => seen.get(headers.priority))).toEqual(['2', '1']);
  const [first, second] = a?.received.map((seen) => Number(seen.get(headers.timeoutMs))) ?? [];
  expect(first).toBeLessThanOrEqual(900);
  expect(first).toBeGreaterThan(0);
  expect(second).toBeLessThanOrEqual(700);
  expect(await code(subjects.infer('echo'), { body: '{"parameters":{"timeout":-1}}' })).toBe('BAD_REQUEST');
});
