// Broken requests at every door, with a real model behind them: whatever comes in, an answer or a coded error goes out, never a
// mistake of ours, everybody still stands at the end, and nobody's memory grew. MASSIF_FUZZ=10000 is the full run; MASSIF_FUZZ_SEED brings one back.
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { readFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS, isErrorCode } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { encodeInferRequest } from '../../contracts/infer-body.js';
import { subjects } from '../../contracts/subjects.js';
import { writeParameters } from '../../services/gateway/grpc/parameters.js';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
} from '../../services/gateway/grpc/proto/open_inference_grpc_pb.js';
import { definitionOf } from '../../services/gateway/grpc/rpc.js';
import { type Random, seededRandom } from '../../services/mesh/random.js';
import { reclaim } from '../../services/mesh/reclaim.js';
import { identity } from '../../services/onnx/testing/identity.js';
import { signedVersion } from '../../services/shard/testing/signed-version.js';
import { OneShardMesh } from './testing/one-shard-mesh.js';

const MUTATIONS = Number(process.env['MASSIF_FUZZ'] ?? 500);
const SEED = Number(process.env['MASSIF_FUZZ_SEED'] ?? 20_261);
const IN_FLIGHT = 8;
// A first round makes room for buffers, caches and compiled code; another of the same size must fit into it. A request of these holds some kilobytes: of
// one in two that leaked, the full run would show 20 MiB.
const GROWTH_MIB_MAX = { process: 25, engine: 25, heap: 10 };
const MIB = 1_048_576;
const SETTLED_MS = 500;
const LIMIT_MS = 15_000 + MUTATIONS * 30;

const version = signedVersion(identity(), { model: 'mirror' });

let mesh: OneShardMesh;
let grpc: Client;
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });

beforeAll(async () => {
  mesh = await OneShardMesh.start([version]);
  grpc = new Client(mesh.grpcTarget, credentials.createInsecure());
}, 60_000);
afterAll(async () => {
  agent.destroy();
  grpc?.close();
  await mesh?.[Symbol.asyncDispose]();
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

// ---- the three doors --------------------------------------------------------------------------------------------------

interface Heard {
  readonly status: number;
  readonly text: string;
}

async function overNats({ body, fields, path }: Sent): Promise<Heard> {
  const sent = natsHeaders();
  for (const [key, value] of Object.entries(fields)) sent.set(key, value);
  const answer = await mesh.shard.bus.nc.request(subjects.infer(path), body, {
    timeout: 8_000,
    headers: sent,
  });
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
      `${mesh.restUrl}/v2/models/${target}/infer`,
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

/** The message as bytes, broken as bytes, and metadata that its senders would not send. */
function overGrpc({ fields }: Sent, random: Random): Promise<Heard> {
  const { path } = definitionOf(GRPCInferenceService.method.modelInfer);
  const raw = random() < 0.5;
  const message = create(ModelInferRequestSchema, {
    modelName: random() < 0.1 ? pick(['nothing', '', 'ü', 'x'.repeat(200)], random) : 'mirror',
    id: '7',
    parameters: writeParameters({ priority: random() < 0.1 ? 'high' : 1, sequence_start: random() < 0.1 }),
    inputs: [
      {
        name: 'x',
        datatype: random() < 0.1 ? pick(['FP16', 'FP8', 'BYTES', ''], random) : 'FP32',
        shape: [pick([-1n, 0n, 2n ** 62n, 4n, 4n, 4n], random)],
        ...(raw ? {} : { contents: { fp32Contents: [1, 2, 3, 4] } }),
      },
    ],
    outputs: random() < 0.2 ? [{ name: pick(['y', 'z', ''], random) }] : [],
    rawInputContents: raw ? [tensor.data].map(({ buffer }) => new Uint8Array(buffer)) : [],
  });
  let bytes: Buffer = Buffer.from(toBinary(ModelInferRequestSchema, message));
  if (random() < 0.5)
    for (let times = Math.floor(random() * 4); times >= 0; times--) bytes = brokenBody(bytes, random);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(fields))
    if (/^[\x20-\x7e]+$/.test(value)) metadata.set(key.toLowerCase(), value);
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 8_000 };
    grpc.makeUnaryRequest(
      path,
      () => bytes,
      (answer) => answer,
      {},
      metadata,
      options,
      (error) => {
        if (!error) return resolve({ status: 200, text: '' });
        const code = String(error.metadata.get(headers.errorCode.toLowerCase())[0]);
        const known = isErrorCode(code) && ERRORS[code].grpc === (error.code as number);
        // Told as the other doors tell it, so that one judge judges all.
        const body = isErrorCode(code)
          ? { error: error.details, code, retryable: ERRORS[code].retryable }
          : error.details;
        resolve({ status: known ? ERRORS[code].http : 0, text: JSON.stringify(body) });
      },
    );
  });
}

/** Resident of this process, where router and gateway are, and of the engine; what of this one's heap is in use. */
async function memoryMiB(): Promise<Record<keyof typeof GROWTH_MIB_MAX, number>> {
  const resident = await settledBytes();
  const engine = await readFile(`/proc/${mesh.shard.pidOf(version)}/statm`, 'utf8').catch(() => '0 0');
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  return {
    process: mib(resident),
    engine: mib(Number(engine.split(' ')[1]) * 4_096),
    heap: mib(process.memoryUsage().heapUsed),
  };
}

/** One collection empties pages, the next gives them back, in the background: until nothing more goes. */
async function settledBytes(): Promise<number> {
  for (let before = Number.POSITIVE_INFINITY; ;) {
    reclaim();
    await sleep(SETTLED_MS);
    const { rss } = process.memoryUsage();
    if (before - rss < MIB) return rss;
    before = rss;
  }
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

async function bombard(
  door: (sent: Sent, random: Random) => Promise<Heard>,
  times: number,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let number = 0;
  const soldier = async () => {
    while (number < times) {
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
  ['gRPC', overGrpc],
] as const)(
  `twice ${MUTATIONS} broken requests at the door of %s get answers or coded errors, the engine survives them, and the second time takes no memory`,
  async (_, door) => {
    const pid = mesh.shard.pidOf(version);
    const statuses = await bombard(door, MUTATIONS);
    const before = await memoryMiB();
    for (const [status, count] of await bombard(door, MUTATIONS))
      statuses.set(status, (statuses.get(status) ?? 0) + count);
    const after = await memoryMiB();
    console.log(`MiB after one round: ${JSON.stringify(before)}, after another: ${JSON.stringify(after)}`);
    // It is no test of a door that refuses everything, or of one that takes everything.
    if (MUTATIONS >= 500)
      for (const status of [200, 400, 404]) expect(statuses.get(status)).toBeGreaterThan(0);
    expect((await door(sound(true), () => 0.99)).status).toBe(200);
    expect(mesh.shard.pidOf(version)).toBe(pid);
    for (const of of ['process', 'engine', 'heap'] as const)
      expect(after[of], `the second round made ${of} grow`).toBeLessThan(before[of] + GROWTH_MIB_MAX[of]);
  },
  LIMIT_MS,
);
