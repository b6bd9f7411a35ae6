import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../../contracts/buckets.js';
import { BODY_BYTES_MAX } from '../../../contracts/large-body.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { ScalingPolicy } from '../../../contracts/scaling.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../bus.js';
import { systemClock } from '../clock.js';
import { Dispatcher, type DispatcherOptions, type InferOptions } from './dispatch.js';
import type { AttemptEnded, CallEnded } from './dispatch-observer.js';
import { systemRandom } from '../random.js';
import { RouteView } from '../routing/route-view.js';
import { FakeEngine } from '../testing/fake-engine.js';
import { waitUntil } from '../testing/wait-until.js';

const VERSION = 'a'.repeat(64);
const body = { bytes: new TextEncoder().encode('{"inputs":[]}'), jsonLength: undefined };

let dir: string;
let nats: NatsServer;
let bus: Bus;
let view: RouteView;
let attempts: AttemptEnded[] = [];
let calls: CallEnded[] = [];
const engines: FakeEngine[] = [];
const dispatchers: Dispatcher[] = [];

const record = (name: string, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
  name,
  model: 'echo',
  variants: [{ version: VERSION, label: 'v1', weight: 10_000 }],
  salt: 'echo-1',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
  ...more,
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-dispatch-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'caller', region: 'east' });
  const catalog = await bus.kv(buckets.catalog('east'), { create: {} });
  await catalog.put(keys.endpoint('echo'), JSON.stringify(record('echo')));
  await catalog.put(keys.endpoint('hedged'), JSON.stringify(record('hedged', { hedgeAfterMs: 20 })));
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(async () => {
  for (const dispatcher of dispatchers.splice(0)) {
    expect(dispatcher.inFlight).toBe(0);
    dispatcher.close();
  }
  view.close();
  await Promise.all(engines.splice(0).map((engine) => engine.vanish()));
});

async function dispatcher(options: Partial<DispatcherOptions> = {}): Promise<Dispatcher> {
  view = new RouteView({ buses: [bus], clock: systemClock, random: systemRandom });
  attempts = [];
  calls = [];
  const made = new Dispatcher({
    buses: [bus],
    view,
    clock: systemClock,
    random: systemRandom,
    observer: { attemptEnded: (a) => attempts.push(a), callEnded: (c) => calls.push(c) },
    ...options,
  });
  dispatchers.push(made);
  await view.ready();
  return made;
}

async function engine(shard: string, region = 'east', capacity?: number): Promise<FakeEngine> {
  const options = { url: nats.url, region, shard, version: VERSION };
  const started = await FakeEngine.start({ ...options, ...(capacity !== undefined && { capacity }) });
  engines.push(started);
  return started;
}

const seen = (count: number) =>
  waitUntil(
    `the view sees ${count} replicas`,
    () => view.replicas(VERSION).filter((r) => r.fresh).length === count,
  );
const infer = (by: Dispatcher, options: InferOptions = {}, endpoint = 'echo') =>
  by.infer(endpoint, body, { timeoutMs: 2_000, ...options });
const ends = () => attempts.map(({ end }) => end);

test('a call reaches a replica and comes back with its bytes, its replica and one attempt', async () => {
  const caller = await dispatcher();
  const only = await engine('shard-a');
  const bytes = Uint8Array.of(123, 125, 1, 2, 3);
  const result = await caller.infer(
    'echo',
    { bytes, jsonLength: 2 },
    { timeoutMs: 2_000, requestId: 'r-1', priority: 1 },
  );
  expect({ ...result, headers: undefined }).toEqual({
    bytes: Buffer.from(bytes),
    jsonLength: 2,
    replica: only.id,
    attempts: 1,
    requestId: 'r-1',
    headers: undefined,
  });
  expect(result.headers().get('Massif-Request-Id')).toBe('r-1');
  const [got] = only.received;
  expect([...(got?.keys() ?? [])].toSorted()).toEqual([
    'Inference-Header-Content-Length',
    'Massif-Accept-Body',
    'Massif-Endpoint',
    'Massif-Priority',
    'Massif-Request-Id',
    'Massif-Timeout',
  ]);
  expect(calls).toMatchObject([{ endpoint: 'echo', label: 'v1', shard: 'shard-a', code: 'OK', attempts: 1 }]);
});

test('an unknown endpoint fails at once, a known one without replica waits for one', async () => {
  const caller = await dispatcher();
  await expect(infer(caller, {}, 'nothing')).rejects.toMatchObject({ code: 'ENDPOINT_UNKNOWN' });
  const early = infer(caller);
  await engine('shard-a');
  expect((await early).attempts).toBe(1);
});

test('whoever asks for a sleeping endpoint that no shard may hold is told soon by which of its wishes, unless a pool may bring one', async () => {
  const catalog = await bus.kv(buckets.catalog('east'));
  const placement: EndpointRecord['placement'] = { policy: 'user', devices: ['cuda'] };
  const variants = [{ version: 'f'.repeat(64), label: 'v1', weight: 10_000 }];
  for (const [name, more] of [
    ['asleep-on-gpu', {}],
    ['asleep-in-pool', { needs: { kind: 'cuda' } }],
  ] as const) {
    const scaling = ScalingPolicy.parse({ minReplicas: 0, ...more });
    await catalog.put(keys.endpoint(name), JSON.stringify(record(name, { variants, placement, scaling })));
  }
  const caller = await dispatcher();
  await engine('shard-a');
  await seen(1);
  const calledOff = new AbortController();
  const waiting = infer(caller, { timeoutMs: 60_000, signal: calledOff.signal }, 'asleep-in-pool');
  const refused = waiting.catch(() => 'refused');
  const told = expect(infer(caller, { timeoutMs: 60_000 }, 'asleep-on-gpu')).rejects;
  await told.toMatchObject({
    code: 'NOT_READY',
    message: expect.stringContaining('device: it is to run on cuda, and the shards have cpu') as string,
  });
  expect(await Promise.race([refused, sleep(500, 'waits')])).toBe('waits');
  calledOff.abort();
  await expect(waiting).rejects.toThrow();
});

test('a call that never finds a replica ends with NOT_READY by its deadline', async () => {
  const caller = await dispatcher();
  await expect(infer(caller, { timeoutMs: 150 })).rejects.toMatchObject({
    code: 'NOT_READY',
    retryAfterS: 1,
  });
});

test('a replica that is gone costs one more attempt, not an error', async () => {
  const caller = await dispatcher();
  const [a, b] = [await engine('shard-a'), await engine('shard-b')];
  await seen(2);
  await a.vanish();
  const results = await Promise.all(Array.from({ length: 20 }, () => infer(caller)));
  expect(new Set(results.map(({ replica }) => replica))).toEqual(new Set([b.id]));
  await infer(caller);
  expect(attempts.at(-1)).toMatchObject({ shard: 'shard-b', kind: 'first' }); // it is known by now
});

test('calls held by an engine that is replaced are asked elsewhere at once, however slow the model', async () => {
  const caller = await dispatcher();
  const [a, b] = [await engine('shard-a'), await engine('shard-b')];
  for (const each of [a, b]) {
    each.slowBy(30_000); // announced: nobody would wait less than 30 s for it
    each.beat();
  }
  await seen(2);
  const calling = infer(caller, { timeoutMs: 25_000 });
  const holder = await waitUntil('one holds it', () => [a, b].find((each) => each.inFlight === 1));
  const other = holder === a ? b : a;
  other.slowBy(0);
  holder.replaceEngine();
  expect(await calling).toMatchObject({ replica: other.id, attempts: 2 });
});

test('when one caller finds nobody there, the others that wait for the same replica are asked elsewhere too', async () => {
  const caller = await dispatcher();
  const [a, b] = [await engine('shard-a'), await engine('shard-b')];
  await seen(2);
  a.muteAnswers();
  b.muteAnswers();
  const first = infer(caller, { timeoutMs: 20_000 });
  const holder = await waitUntil('one holds it', () => [a, b].find((each) => each.inFlight === 1));
  const other = holder === a ? b : a;
  other.muteAnswers(false);
  await holder.vanish();
  await infer(caller);
  expect((await first).replica).toBe(other.id);
});

test('a frozen replica costs the time of one attempt, and its late answer still counts', async () => {
  const caller = await dispatcher();
  const a = await engine('shard-a');
  await seen(1);
  await infer(caller);
  a.slowBy(150); // two and a half times the floor
  const result = await infer(caller);
  expect(result.replica).toBe(a.id);
  expect(ends()).toContain('timedOut');
});

test('a burst that the only replica answers late blocks it no longer than until the answers are there', async () => {
  const caller = await dispatcher();
  const a = await engine('shard-a');
  await seen(1);
  await infer(caller);
  a.slowBy(2_500); // longer than an attempt of so many at once
  const late = Promise.all(Array.from({ length: 40 }, () => infer(caller, { timeoutMs: 20_000 })));
  await waitUntil('the breaker blocks', () => view.replicas(VERSION)[0]?.blocked);
  a.slowBy(0);
  await late;
  expect(view.replicas(VERSION)[0]?.blocked).toBe(false);
  expect((await infer(caller)).replica).toBe(a.id);
});

test('a retryable failure is tried elsewhere, a final one is not', async () => {
  const caller = await dispatcher();
  const [a, b] = [await engine('shard-a'), await engine('shard-b')];
  await seen(2);
  a.failWith('ENGINE_FAILED');
  for (let i = 0; i < 10; i++) expect((await infer(caller)).replica).toBe(b.id);
  b.failWith('TENSOR_MISMATCH');
  attempts.length = 0;
  await expect(infer(caller)).rejects.toMatchObject({ code: 'TENSOR_MISMATCH' });
  expect(ends().filter((end) => end === 'refused')).toHaveLength(1);
});

test('with retries off the first trouble is the answer', async () => {
  const caller = await dispatcher({ retries: false });
  const a = await engine('shard-a');
  await seen(1);
  a.failWith('ENGINE_FAILED');
  await expect(infer(caller)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  expect(ends()).toEqual(['failed']);
});

test('when every replica was tried, the call waits a little and begins again', async () => {
  const caller = await dispatcher();
  const a = await engine('shard-a');
  await seen(1);
  a.failWith('NOT_READY');
  const calling = infer(caller);
  await waitUntil('it was tried twice', () => attempts.length >= 2);
  a.failWith(undefined);
  expect((await calling).attempts).toBeGreaterThan(2);
});

test('the deadline ends a call that nobody answers, with the last trouble as its cause', async () => {
  const caller = await dispatcher();
  const a = await engine('shard-a');
  await seen(1);
  a.muteAnswers();
  await expect(infer(caller, { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'DEADLINE',
    cause: { code: 'REPLICA_LOST' },
  });
});

test('a caller that gives up is let go at once', async () => {
  const caller = await dispatcher();
  const a = await engine('shard-a');
  await seen(1);
  a.muteAnswers();
  const giveUp = new AbortController();
  const calling = infer(caller, { signal: giveUp.signal });
  await waitUntil('it is under way', () => a.inFlight === 1);
  giveUp.abort(new Error('closed tab'));
  await expect(calling).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { message: 'closed tab' } });
  await expect(infer(caller, { signal: giveUp.signal })).rejects.toThrow('gave up');
  expect(ends()).toEqual(['abandoned']);
  await waitUntil('the engine is asked to forget it', () => a.cancelled === 1);
});

test('an endpoint that hedges asks a second replica after its time, and the first answer wins', async () => {
  const caller = await dispatcher();
  const [a, b] = [await engine('shard-a'), await engine('shard-b')];
  await seen(2);
  for (const each of [a, b]) {
    each.slowBy(1_000);
    each.beat();
  }
  await waitUntil('the view knows that they are slow', () =>
    view.replicas(VERSION).every((r) => r.latencyMs > 900),
  );
  const calling = infer(caller, {}, 'hedged');
  const holder = await waitUntil('one holds it', () => [a, b].find((each) => each.inFlight === 1));
  const other = holder === a ? b : a;
  other.slowBy(0);
  expect(await calling).toMatchObject({ replica: other.id, attempts: 2 });
  expect(attempts.map(({ kind }) => kind)).toContain('hedge');
  await waitUntil('the one that lost is called off', () => holder.cancelled === 1);
  expect(other.cancelled).toBe(0);
});

test('an overloaded mesh is not loaded further: beyond the budget MAILBOX_FULL is the answer', async () => {
  const caller = await dispatcher();
  const only = await engine('shard-a');
  await seen(1);
  only.failWith('MAILBOX_FULL');
  const outcomes = await Promise.allSettled(
    Array.from({ length: 1_000 }, () => infer(caller, { timeoutMs: 10_000 })),
  );
  const codes = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'OK',
  );
  expect(codes).toContain('MAILBOX_FULL');
  expect(only.received.length).toBeLessThan(1_000 + 400);
});

test('who waits for room pays once, however often it looks', async () => {
  const caller = await dispatcher();
  const only = await engine('shard-a', 'east', 1);
  await seen(1);
  only.slowBy(20);
  // As many as the budget lets wait; at twenty milliseconds each the last of them looks some dozens of times.
  const answers = await Promise.all(Array.from({ length: 80 }, () => infer(caller, { timeoutMs: 30_000 })));
  expect(answers).toHaveLength(80);
  expect(only.received).toHaveLength(80);
});

test('a body above the largest that is taken is refused before it is sent', async () => {
  const caller = await dispatcher();
  await engine('shard-a');
  await seen(1);
  const bytes = new Uint8Array(BODY_BYTES_MAX + 1);
  await expect(caller.infer('echo', { bytes, jsonLength: 0 }, {})).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
});

test('a replica of another region serves when the own one has none', async () => {
  const caller = await dispatcher();
  const far = await engine('shard-far', 'west');
  await seen(1);
  expect((await infer(caller)).replica).toBe(far.id);
  const near = await engine('shard-near');
  await seen(2);
  for (let i = 0; i < 10; i++) expect((await infer(caller)).replica).toBe(near.id);
});
