// Broken requests at both doors, with a real model behind them: whatever comes in, an answer or a coded error goes out, never a
// mistake of ours, and everybody still stands at the end. MASSIF_FUZZ=10000 is the full run; MASSIF_FUZZ_SEED brings one back.
import { headers as natsHeaders } from '@nats-io/transport-node';
import { Agent, request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets, keys } from '../../contracts/buckets.js';
import { ERRORS, isErrorCode } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { encodeInferRequest } from '../../contracts/infer-body.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { gatewayService } from '../../services/gateway/gateway.module.js';
import { boot, type Running } from '../../services/mesh/boot.js';
import { silentLog } from '../../services/mesh/log.js';
import { type Random, seededRandom } from '../../services/mesh/random.js';
import { RouteView } from '../../services/mesh/route-view.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { identity } from '../../services/onnx/testing/identity.js';
import { routerService } from '../../services/router/router.module.js';
import { HostedShard } from '../../services/shard/testing/hosted-shard.js';
import { signedVersion } from '../../services/shard/testing/signed-version.js';

const MUTATIONS = Number(process.env['MASSIF_FUZZ'] ?? 500);
const SEED = Number(process.env['MASSIF_FUZZ_SEED'] ?? 20_261);
const IN_FLIGHT = 8;
const LIMIT_MS = 15_000 + MUTATIONS * 20;

const version = signedVersion(identity(), { model: 'mirror' });
const endpoint: EndpointRecord = {
  name: 'mirror',
  model: 'mirror',
  variants: [{ version: version.record.digest, label: 'v1', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 5_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

let shard: HostedShard;
let edge: Running;
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });

beforeAll(async () => {
  shard = await HostedShard.start();
  await shard.serve(version);
  const catalog = await shard.bus.kv(buckets.catalog('east'));
  await catalog.put(keys.endpoint('mirror'), JSON.stringify(endpoint));
  edge = await boot({
    services: [routerService, gatewayService],
    config: {
      instance: 'edge-east-1',
      region: 'east',
      homeRegion: 'east',
      regions: ['east'],
      natsUrl: shard.natsUrl,
      // Nobody there: the doors do not need Consul.
      consulUrl: 'http://127.0.0.1:1',
      keysDir: shard.dataDir,
      dataDir: shard.dataDir,
      restPort: 0,
      restHost: '127.0.0.1',
    },
    log: silentLog,
  });
  const view = edge.app.get(RouteView);
  await waitUntil('the edge sees the replica', () => view.replicas(version.record.digest)[0]?.ready);
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await edge?.stop();
  await shard?.[Symbol.asyncDispose]();
}, 30_000);

interface Sent {
  readonly body: Buffer;
  readonly fields: Record<string, string>;
  readonly path: string;
}

// ---- the requests, and how they break -------------------------------------------------------------------------------

const tensor = { name: 'x', datatype: 'FP32' as const, shape: [4], data: Float32Array.of(1, 2, 3, 4) };
const sound = (binary: boolean): Sent => {
  const { bytes, jsonLength } = encodeInferRequest(
    {
      id: '7',
      parameters: { priority: 1 },
      inputs: [tensor],
      outputs: [{ name: 'y' }],
      binaryOutput: binary,
    },
    { binary },
  );
  return {
    body: Buffer.from(bytes),
    fields: jsonLength === undefined ? {} : { [headers.jsonLength]: String(jsonLength) },
    path: 'mirror',
  };
};
const raw: Sent = {
  body: Buffer.from(tensor.data.buffer),
  fields: { [headers.jsonLength]: '0' },
  path: 'mirror',
};

const WORDS = [
  'null', '-1', '1e999', '99999999999999999999', '"x"', '{}', '[]', '[[[[[[', '"\\u0000"', '\\', 'NaN', 'true', ':', ',', '}',
  '"binary_data_size":17,', '"shape":[-1,-1]', '"shape":[4294967296,4294967296]', '"datatype":"FP16"', '"datatype":"BYTES"',
  '"__proto__":{"a":1},', '"shared_memory_region":"r",', '"outputs":[{"name":"nothing"}],', '[1,[2,3]]', '"data":["a"],',
]; // prettier-ignore
const NUMBERS = [
  '',
  '-1',
  '0',
  '1',
  '3',
  '17',
  '+5',
  '0x10',
  '1e3',
  '99999999999',
  '999999999999999999999',
  'many',
  ' 12',
  '12 ',
];
const TEXTS = ['', 'a', 'a b', '../..', 'x'.repeat(300), '%00', '"', '<script>', '{}', '0', ',,,', '🙂'];

const pick = <T>(from: readonly T[], random: Random): T => from[Math.floor(random() * from.length)] as T;

function broken(random: Random): Sent {
  let { body, fields, path } = pick([sound(true), sound(false), raw], random);
  for (let times = Math.floor(random() * 4); times >= 0; times--) body = brokenBody(body, random);
  fields = { ...fields };
  if (random() < 0.4) fields[headers.jsonLength] = pick(NUMBERS, random);
  if (random() < 0.2) fields[headers.timeoutMs] = pick([...NUMBERS, '5', '50'], random);
  if (random() < 0.2) fields[headers.user] = pick(TEXTS, random);
  if (random() < 0.2) fields[headers.requestId] = pick(TEXTS, random);
  if (random() < 0.1) fields[headers.priority] = pick([...NUMBERS, ...TEXTS], random);
  if (random() < 0.1) fields[headers.traceparent] = pick(TEXTS, random);
  if (random() < 0.1)
    fields[headers.reply] = pick(['massif.registry.push', '_INBOX.>', '$SYS.x', ''], random);
  if (random() < 0.15)
    path = pick(
      ['nothing', 'mir*ror', 'mirror>', 'a b', 'x'.repeat(200), 'mirror\r\nX: y', '.', 'mirror%', 'ü'],
      random,
    );
  return { body, fields, path };
}

function brokenBody(body: Buffer, random: Random): Buffer {
  const at = Math.floor(random() * (body.length + 1));
  const to = Math.min(body.length, at + Math.floor(random() * 12));
  switch (Math.floor(random() * 7)) {
    case 0: {
      const flipped = Buffer.from(body);
      if (at < flipped.length) flipped[at] = Math.floor(random() * 256);
      return flipped;
    }
    case 1:
      return body.subarray(0, at);
    case 2:
      return Buffer.concat([body.subarray(0, at), body.subarray(to)]);
    case 3:
      return Buffer.concat([body.subarray(0, to), body.subarray(at)]);
    case 4:
      return Buffer.concat([body.subarray(0, at), Buffer.from(pick(WORDS, random)), body.subarray(to)]);
    case 5:
      return Buffer.concat([body, Buffer.alloc(Math.floor(random() * 40), Math.floor(random() * 256))]);
    default:
      return body;
  }
}

// ---- the two doors --------------------------------------------------------------------------------------------------

interface Heard {
  readonly status: number;
  readonly text: string;
}

async function overNats({ body, fields, path }: Sent): Promise<Heard> {
  const sent = natsHeaders();
  for (const [key, value] of Object.entries(fields)) sent.set(key, value);
  const answer = await shard.bus.nc.request(subjects.infer(path), body, { timeout: 8_000, headers: sent });
  return { status: Number(answer.headers?.get(headers.errorStatus) || 200), text: answer.string() };
}

function overRest({ body, fields, path }: Sent, random: Random): Promise<Heard> {
  const sent: Record<string, string> = { 'Content-Type': 'application/json' };
  // What Node's client would not send never reaches the door.
  for (const [key, value] of Object.entries(fields)) if (/^[\x20-\x7e]*$/.test(value)) sent[key] = value;
  if (random() < 0.1)
    sent['Content-Type'] = pick(['text/plain', 'application/octet-stream', ';', 'a/b/c'], random);
  let bytes = body;
  if (random() < 0.2) {
    sent['Content-Encoding'] = pick(['gzip', 'deflate', 'br', 'gzip'], random);
    if (random() < 0.7) bytes = brokenBody(gzipSync(body), random);
  }
  if (random() < 0.2) sent['Accept-Encoding'] = pick(['gzip', 'deflate', 'gzip;q=0', '*;q=x', ',,;'], random);
  const method = random() < 0.05 ? pick(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'], random) : 'POST';
  const target = random() < 0.05 ? `${path}%zz` : encodeURIComponent(path);
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      `${edge.restUrl}/v2/models/${target}/infer`,
      { method, headers: { ...sent, 'Content-Length': bytes.length }, agent },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    asked.on('error', reject).end(bytes);
  });
}

/** Undefined when the door kept its word. */
function complaint({ status, text }: Heard): string | undefined {
  if (status === 200) return undefined;
  try {
    const { error, code, retryable } = JSON.parse(text) as Record<string, unknown>;
    if (typeof code !== 'string' || !isErrorCode(code)) return `no code of ours: ${text}`;
    if (code === 'INTERNAL') return `a mistake of ours: ${text}`;
    if (ERRORS[code].http !== status) return `${code} with status ${status}`;
    if (typeof error !== 'string' || error.length < 10 || typeof retryable !== 'boolean')
      return `no sentence: ${text}`;
    return undefined;
  } catch {
    return `not JSON, status ${status}: ${text.slice(0, 200)}`;
  }
}

async function bombard(door: (sent: Sent, random: Random) => Promise<Heard>): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let number = 0;
  const soldier = async () => {
    while (number < MUTATIONS) {
      const seed = SEED + number++;
      const random = seededRandom(seed);
      const sent = broken(random);
      const heard = await door(sent, random).catch((error: unknown) => ({ status: 0, text: String(error) }));
      const wrong = complaint(heard);
      if (wrong)
        throw new Error(
          `MASSIF_FUZZ_SEED=${seed} MASSIF_FUZZ=1: ${wrong}\n${JSON.stringify(sent.fields)} ${sent.path} ${sent.body.toString('latin1')}`,
        );
      statuses.set(heard.status, (statuses.get(heard.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, soldier));
  return statuses;
}

test.each([
  ['NATS', (sent: Sent) => overNats(sent)],
  ['REST', overRest],
] as const)(
  `${MUTATIONS} broken requests at the door of %s get answers or coded errors, and the engine survives them`,
  async (_, door) => {
    const pid = shard.pidOf(version);
    const statuses = await bombard(door);
    // It is no test of a door that refuses everything, or of one that takes everything.
    if (MUTATIONS >= 500)
      for (const status of [200, 400, 404]) expect(statuses.get(status)).toBeGreaterThan(0);
    expect((await door(sound(true), () => 0.99)).status).toBe(200);
    expect(shard.pidOf(version)).toBe(pid);
  },
  LIMIT_MS,
);
