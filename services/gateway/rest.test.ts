import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import type { EndpointRecord, VersionRecord } from '../../contracts/registry.js';
import { noStatistics, type StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from '../mesh/boot.js';
import { Dispatcher } from '../mesh/calls/dispatch.js';
import type { Log, LogFields } from '../mesh/log.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { FakeEngine } from '../mesh/testing/fake-engine.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { gatewayService } from './gateway.module.js';
import { extensions } from './metadata.js';

const VERSION = 'a'.repeat(64);
const BODY_MAX_BYTES = 4_000_000;
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
const version: VersionRecord = {
  digest: VERSION,
  model: 'echo',
  label: '1.0',
  state: 'live',
  moves: [],
  createdAt: '2026-01-01T00:00:00Z',
  signer: { fingerprint: 'f', person: 'ann' },
  resources: [{ name: 'model.onnx', digest: 'b'.repeat(64), bytes: 1 }],
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4], dims: ['n', ''] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 4], dims: ['n', ''] }],
  opset: 17,
  irVersion: 9,
  parameterCount: 1,
  bytes: 1,
  card: {
    licence: 'Apache-2.0',
    description: '',
    source: '',
    trustGroup: 'shared',
    ownEngine: false,
    warmDims: {},
    runLimitMs: 30_000,
  },
  bundle: {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'k' } },
    dsseEnvelope: {
      payload: 'e30=',
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ sig: 'c2ln' }],
    },
  },
};

const lines: { event: string; fields: LogFields }[] = [];
const heardLog: Log = {
  info: (event, fields = {}) => void lines.push({ event, fields }),
  warn: (event, fields = {}) => void lines.push({ event, fields }),
  error: (event, fields = {}) => void lines.push({ event, fields }),
  child: () => heardLog,
};
const accessLine = (requestId: string) =>
  waitUntil('the access log has it', () =>
    lines.find(({ event, fields }) => event === 'http.request' && fields['requestId'] === requestId),
  );

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let gateway: Running;
let engine: FakeEngine;
let url: string;

beforeAll(async () => {
  vi.stubEnv('MASSIF_BODY_MAX_BYTES', String(BODY_MAX_BYTES));
  dir = await mkdtemp(join(tmpdir(), 'massif-gateway-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  gateway = await boot({
    services: [gatewayService],
    config: {
      instance: 'gateway-east-1',
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
    log: heardLog,
  });
  vi.unstubAllEnvs();
  url = gateway.restUrl ?? '';
  const catalog = await gateway.parts.bus.kv(buckets.catalog('east'), { create: {} });
  await catalog.put(keys.version('echo', VERSION), JSON.stringify(version));
  for (const endpoint of [
    record('echo'),
    record('gpt-3.5'),
    record('empty', { variants: [{ version: 'e'.repeat(64), label: '1.0', weight: 10_000 }] }),
  ])
    await catalog.put(keys.endpoint(endpoint.name), JSON.stringify(endpoint));
  engine = await FakeEngine.start({ url: nats.url, region: 'east', shard: 'shard-1', version: VERSION });
  const view = gateway.app.get(RouteView);
  await waitUntil(
    'the gateway sees everything',
    () => view.endpoint('empty') && view.replicas(VERSION)[0]?.fresh,
  );
}, 30_000);
afterAll(async () => {
  await engine?.vanish();
  await gateway?.stop();
  await consul?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  engine.slowBy(0);
  engine.failWith(undefined);
  engine.muteAnswers(false);
});

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, sent: Record<string, string> = {}) =>
  fetch(url + path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...sent } });
const errorOf = async (answer: Response) => {
  const body = (await answer.json()) as { error: string; code: string; retryable: boolean };
  expect(body.error.length).toBeGreaterThan(10);
  expect(answer.headers.get('massif-request-id')).toBeTruthy();
  return [answer.status, body.code];
};

test('live, ready and the server itself answer as the protocol has it', async () => {
  expect(await (await fetch(`${url}/v2/health/live`)).json()).toEqual({ live: true });
  expect(await (await fetch(`${url}/v2/health/ready`)).json()).toEqual({ ready: true });
  expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n');
  for (const path of ['/v2', '/v2/'])
    expect(await (await fetch(url + path)).json()).toMatchObject({
      name: 'massif',
      extensions: extensions(true),
    });
  expect((await fetch(`${url}/v2/health/live`, { method: 'HEAD' })).status).toBe(200);
});

test('models are listed, described and said to be ready or not', async () => {
  expect(await (await fetch(`${url}/v2/models`)).json()).toEqual({ models: ['echo', 'empty', 'gpt-3.5'] });
  const described = {
    name: 'gpt-3.5',
    versions: ['1.0'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  };
  for (const path of ['gpt-3.5', 'gpt-3%2E5', 'gpt-3.5/versions/1.0', `gpt-3.5/versions/${VERSION}`])
    expect(await (await fetch(`${url}/v2/models/${path}`)).json()).toMatchObject(described);
  expect(await (await fetch(`${url}/v2/models/echo/ready`)).json()).toEqual({ name: 'echo', ready: true });
  expect(await (await fetch(`${url}/v2/models/echo/versions/1.0/ready`)).json()).toEqual({
    name: 'echo',
    ready: true,
  });
  const empty = await fetch(`${url}/v2/models/empty/ready`);
  expect([empty.status, empty.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await empty.json()).toEqual({ name: 'empty', ready: false });
  expect(await errorOf(await fetch(`${url}/v2/models/nothing`))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(await errorOf(await fetch(`${url}/v2/models/nothing/ready`))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(await errorOf(await fetch(`${url}/v2/models/echo/versions/9`))).toEqual([404, 'VERSION_UNKNOWN']);
});

test('the repository index has every variant with its state', async () => {
  const index = async (body: string) =>
    (await post('/v2/repository/index', body)).json() as Promise<{ name: string; state: string }[]>;
  expect((await index('')).map(({ name, state }) => `${name} ${state}`)).toEqual([
    'echo READY',
    'empty UNAVAILABLE',
    'gpt-3.5 READY',
  ]);
  expect((await index('{"ready":true}')).map(({ name }) => name)).toEqual(['echo', 'gpt-3.5']);
  expect(await errorOf(await post('/v2/repository/index', '{"ready":1}'))).toEqual([400, 'BAD_REQUEST']);
});

test('a JSON inference passes through with its request id, replica and attempts', async () => {
  const answer = await post('/v2/models/gpt-3.5/versions/1.0/infer', '{"inputs":[]}', {
    'Massif-Request-Id': 'req-42',
  });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('{"inputs":[]}');
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('massif-request-id')).toBe('req-42');
  expect(answer.headers.get('massif-replica')).toBe(engine.id);
  expect(answer.headers.get('massif-attempts')).toBe('1');
  expect((await accessLine('req-42')).fields).toMatchObject({
    endpoint: 'gpt-3.5',
    version: '1.0',
    replica: engine.id,
    status: 200,
    attempts: 1,
    ms: expect.any(Number),
  });
});

test('a binary inference passes through byte for byte, with the length of its JSON part', async () => {
  const bytes = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7) % 256);
  const answer = await post('/v2/models/echo/infer', bytes, {
    'Content-Type': 'application/octet-stream',
    'Inference-Header-Content-Length': '100',
  });
  expect(answer.headers.get('content-type')).toBe('application/octet-stream');
  expect(answer.headers.get('inference-header-content-length')).toBe('100');
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
  const raw = await post('/v2/models/echo/infer', bytes, { 'Inference-Header-Content-Length': '0' });
  expect(raw.headers.get('inference-header-content-length')).toBe('0');
});

test('gzip is read, and written when it is asked for', async () => {
  const text = JSON.stringify({ inputs: Array.from({ length: 500 }, () => 'again and again') });
  const plain = await post('/v2/models/echo/infer', gzipSync(text), {
    'Content-Encoding': 'gzip',
    'Accept-Encoding': 'identity',
  });
  expect(await plain.text()).toBe(text);
  const packed = await new Promise<Buffer>((resolve, reject) => {
    const sent = httpRequest(
      `${url}/v2/models/echo/infer`,
      { method: 'POST', headers: { 'Content-Type': 'application/json', 'Accept-Encoding': 'gzip' } },
      (answer) => {
        expect(answer.headers['content-encoding']).toBe('gzip');
        const chunks: Buffer[] = [];
        answer
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => resolve(Buffer.concat(chunks)));
      },
    );
    sent.on('error', reject).end(text);
  });
  expect(gunzipSync(packed).toString()).toBe(text);
});

test('every refusal has its status, its code and its sentence', async () => {
  const infer = (body: string | Uint8Array<ArrayBuffer> = '{}', sent = {}, path = 'echo/infer') =>
    post(`/v2/models/${path}`, body, sent);
  expect(await errorOf(await infer('{}', {}, 'nothing/infer'))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(await errorOf(await infer('{}', {}, 'a%2Fb/infer'))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(await errorOf(await infer('{}', {}, `${'x'.repeat(300)}/infer`))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(await errorOf(await infer('{}', {}, 'echo/versions/9/infer'))).toEqual([404, 'VERSION_UNKNOWN']);
  expect(await errorOf(await infer('{}', { 'Content-Type': 'text/html' }))).toEqual([
    415,
    'UNSUPPORTED_ENCODING',
  ]);
  expect(await errorOf(await infer('{}', { 'Content-Encoding': 'br' }))).toEqual([
    415,
    'UNSUPPORTED_ENCODING',
  ]);
  expect(await errorOf(await infer('{}', { 'Content-Encoding': 'gzip' }))).toEqual([400, 'BAD_REQUEST']);
  expect(await errorOf(await infer('{}', { 'Inference-Header-Content-Length': '3' }))).toEqual([
    400,
    'BAD_REQUEST',
  ]);
  expect(await errorOf(await infer('{}', { 'Massif-Timeout': 'soon' }))).toEqual([400, 'BAD_REQUEST']);
  expect(await errorOf(await infer('{}', { 'Massif-Timeout': '0' }))).toEqual([504, 'DEADLINE']);
  expect(await errorOf(await fetch(`${url}/v2/models/echo/infer`))).toEqual([405, 'METHOD_NOT_ALLOWED']);
  expect(await errorOf(await fetch(`${url}/v2/models/echo`, { method: 'DELETE' }))).toEqual([
    405,
    'METHOD_NOT_ALLOWED',
  ]);
  expect(await errorOf(await fetch(`${url}/nowhere`))).toEqual([404, 'NOT_FOUND']);
  engine.failWith('TENSOR_MISMATCH');
  expect(await errorOf(await infer())).toEqual([400, 'TENSOR_MISMATCH']);
  engine.failWith('UNSIGNED');
  expect(await errorOf(await infer())).toEqual([403, 'UNSIGNED']);
  engine.failWith(undefined);
  engine.muteAnswers();
  expect(await errorOf(await infer('{}', { 'Massif-Timeout': '100' }))).toEqual([504, 'DEADLINE']);
});

test('an endpoint without a replica is not ready, with Retry-After', async () => {
  const answer = await post('/v2/models/empty/infer', '{}', { 'Massif-Timeout': '300' });
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(await errorOf(answer)).toEqual([503, 'NOT_READY']);
});

test('a body over the limit is told so while it is still being sent', async () => {
  const limit = BODY_MAX_BYTES;
  expect(await errorOf(await post('/v2/models/echo/infer', new Uint8Array(limit + 1)))).toEqual([
    413,
    'TOO_LARGE',
  ]);
  const bomb = gzipSync(Buffer.alloc(limit * 2));
  expect(await errorOf(await post('/v2/models/echo/infer', bomb, { 'Content-Encoding': 'gzip' }))).toEqual([
    413,
    'TOO_LARGE',
  ]);
  expect((await post('/v2/models/echo/infer', new Uint8Array(limit - 4_096))).status).toBe(200);
});

test('an address that does not decode and bytes that are no HTTP get coded answers', async () => {
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const socket = tcpConnect(Number(port), hostname, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer)).on('error', reject);
    });
  expect(await raw('GET /v2/models/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1.1 400 [^]*"code":"BAD_REQUEST"/,
  );
  expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [^]*"code":"BAD_REQUEST"/);
  expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nBig: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /"code":"TOO_LARGE"/,
  );
});

test('a caller that goes away is forgotten, and the log says 499', async () => {
  engine.muteAnswers();
  const gone = new AbortController();
  const before = engine.received.length;
  const asked = fetch(`${url}/v2/models/echo/infer`, {
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json', 'Massif-Request-Id': 'gone-1', 'Massif-Timeout': '60000' },
    signal: gone.signal,
  });
  asked.catch(() => undefined);
  await waitUntil('the engine has it', () => engine.received.length > before);
  gone.abort();
  await expect(asked).rejects.toThrow();
  expect((await accessLine('gone-1')).fields).toMatchObject({ status: 499, endpoint: 'echo' });
  await waitUntil('nobody waits for the engine any more', () => gateway.app.get(Dispatcher).inFlight === 0);
});

test('metrics of all processes of the region stand on one page', async () => {
  await post('/v2/models/echo/infer', '{}');
  const answer = await fetch(`${url}/metrics`);
  const page = await answer.text();
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const counts = page.split('\n').filter((line) => line.startsWith('massif_request_seconds_count'));
  const mine = (more: string) =>
    counts.some((line) =>
      ['instance="gateway-east-1"', 'door="rest"', more].every((it) => line.includes(it)),
    );
  expect(mine('endpoint="echo",version="1.0"')).toBe(true);
  expect(page).toMatch(/massif_attempt_seconds_count\{[^}]*shard="shard-1"/);
  // What callers invent becomes no label.
  expect(mine('endpoint="nothing"')).toBe(false);
  expect(page.split('# TYPE massif_request_seconds histogram').length).toBe(2);
});

test('a user whose name is not ASCII is the same user at both doors', async () => {
  const user = 'Zoë';
  engine.received.length = 0;
  const answer = await post('/v2/models/echo/infer', '{}', {
    'Massif-User': Buffer.from(user).toString('latin1'),
  });
  expect(answer.status).toBe(200);
});

test('a model has a configuration as Triton writes it', async () => {
  for (const path of ['echo/config', 'echo/versions/1.0/config'])
    expect(await (await fetch(`${url}/v2/models/${path}`)).json()).toMatchObject({
      name: 'echo',
      platform: 'onnxruntime_onnx',
      input: [{ name: 'x', data_type: 'TYPE_FP32' }],
    });
  expect(await errorOf(await fetch(`${url}/v2/models/echo/versions/9/config`))).toEqual([
    404,
    'VERSION_UNKNOWN',
  ]);
  expect(await errorOf(await fetch(`${url}/v2/models/nothing/config`))).toEqual([404, 'ENDPOINT_UNKNOWN']);
});

test('statistics are the sums of what shards tell, and a failure when none does', async () => {
  expect(await errorOf(await fetch(`${url}/v2/models/echo/stats`))).toEqual([503, 'UNAVAILABLE']);
  const once = { count: 1, ns: 1_000 };
  const told: StatisticsReply = {
    shard: 'shard-1',
    region: 'east',
    replicas: [
      {
        replica: engine.id,
        model: 'echo',
        version: VERSION,
        statistics: {
          ...noStatistics,
          last_inference: 5,
          inference_count: 64,
          execution_count: 1,
          batch_stats: [{ batch_size: 64, compute_input: once, compute_infer: once, compute_output: once }],
        },
        scheduling: { expired: 0, hopeless: 0, displaced: 0, full: 0, cancelled: 0, overdue: 0 },
        curve: [],
      },
    ],
  };
  const { nc } = gateway.parts.bus;
  const shard = nc.subscribe(subjects.shardControl('shard-1', 'statistics'), {
    callback: (_, message) => void message.respond(JSON.stringify(told)),
  });
  await nc.flush();
  for (const path of ['echo/stats', 'echo/versions/1.0/stats']) {
    const { model_stats: entries } = (await (await fetch(`${url}/v2/models/${path}`)).json()) as {
      model_stats: unknown[];
    };
    expect(entries).toEqual([
      {
        name: 'echo',
        version: '1.0',
        ...told.replicas[0]?.statistics,
        response_stats: {},
      },
    ]);
  }
  const all = (await (await fetch(`${url}/v2/models/stats`)).json()) as { model_stats: { name: string }[] };
  expect(all.model_stats.map(({ name }) => name)).toEqual(['echo', 'empty', 'gpt-3.5']);
  shard.unsubscribe();
  await nc.flush();
});

test('load and unload ask the registry, return when it is so, and refuse what nobody signed', async () => {
  const { nc } = gateway.parts.bus;
  const catalog = await gateway.parts.bus.kv(buckets.catalog('east'));
  const asked: unknown[] = [];
  const registry = nc.subscribe('massif.registry.*', {
    callback: (_, message) => {
      asked.push(message.json());
      const endpoint = record('late', { updatedAt: '2026-02-01T00:00:00Z' });
      const written = message.subject.endsWith('.deploy')
        ? catalog.put(keys.endpoint('late'), JSON.stringify(endpoint))
        : catalog.delete(keys.endpoint('late'));
      void written.then(() => message.respond(JSON.stringify({ endpoint })));
    },
  });
  await nc.flush();
  const control = (verb: string, body = '') => post(`/v2/repository/models/late/${verb}`, body);
  expect((await control('load')).status).toBe(200);
  expect((await fetch(`${url}/v2/models/late/ready`)).status).toBe(200);
  expect((await control('load', '{}')).status).toBe(200);
  expect((await control('unload', '{"parameters":{"unload_dependents":true}}')).status).toBe(200);
  expect(await errorOf(await fetch(`${url}/v2/models/late`))).toEqual([404, 'ENDPOINT_UNKNOWN']);
  expect(asked).toEqual([
    { endpoint: 'late', model: 'late' },
    { endpoint: 'late', model: 'echo', assignment: 'request', replicasPerRegion: 1, timeoutMs: 3_000 },
    { endpoint: 'late' },
  ]);
  for (const parameters of [{ config: '{}' }, { config: '{}', 'file:1/model.onnx': 'AA==' }])
    expect(await errorOf(await control('load', JSON.stringify({ parameters })))).toEqual([
      501,
      'UNSUPPORTED',
    ]);
  for (const [verb, body] of [
    ['load', '[]'],
    ['load', '{"parameters":'],
    ['unload', '{"parameters":{"unload_dependents":"yes"}}'],
  ] as const)
    expect(await errorOf(await control(verb, body))).toEqual([400, 'BAD_REQUEST']);
  expect(await errorOf(await post('/v2/repository/models/a%20b/load', ''))).toEqual([
    404,
    'ENDPOINT_UNKNOWN',
  ]);
  expect(asked).toHaveLength(3);
  registry.unsubscribe();
  await nc.flush();
});

test('what other servers offer and this one does not is said to be so', async () => {
  for (const path of [
    '/v2/trace/setting',
    '/v2/models/echo/trace/setting',
    '/v2/logging',
    '/v2/systemsharedmemory/status',
    '/v2/cudasharedmemory/region/a/register',
  ]) {
    expect(await errorOf(await fetch(url + path)), path).toEqual([501, 'UNSUPPORTED']);
    expect(await errorOf(await post(path, '{}')), path).toEqual([501, 'UNSUPPORTED']);
  }
});
