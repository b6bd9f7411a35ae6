// The protocol's table (conformance.cases.ts) through REST, gRPC, NATS and the TypeScript client, with real engines behind them: the
// same refusals everywhere, and answers whose tensors, and bodies where the encoding is the same, are equal byte for byte.
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateSync, gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type MassifClient } from '../../client/mod.js';
import { buckets, keys } from '../../contracts/buckets.js';
import { ERRORS, type ErrorCode } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { type Body, encodeInferRequest, type InferRequest } from '../../contracts/infer-body.js';
import { subjects } from '../../contracts/subjects.js';
import type { Datatype } from '../../contracts/tensor-spec.js';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
} from '../../services/gateway/grpc/proto/open_inference_grpc_pb.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { GraphBuilder } from '../../services/onnx/builder.js';
import { TensorProto_DataType as T } from '../../services/onnx/proto/onnx_pb.js';
import { identity } from '../../services/onnx/testing/identity.js';
import { type SignedVersion, signedVersion } from '../../services/shard/testing/signed-version.js';
import { BODY_CASES, type BodyCase, CHECKLIST, TENSOR_CASES, type TensorCase } from './conformance.cases.js';
import { extensions } from '../../services/gateway/metadata.js';
import { root } from './root.mjs';
import { Callers, type Heard, shown } from './testing/callers.js';
import { OneShardMesh } from './testing/one-shard-mesh.js';

const TYPES: Partial<Record<Datatype, T>> = {
  BOOL: T.BOOL,
  UINT8: T.UINT8,
  UINT16: T.UINT16,
  UINT32: T.UINT32,
  UINT64: T.UINT64,
  INT8: T.INT8,
  INT16: T.INT16,
  INT32: T.INT32,
  INT64: T.INT64,
  FP16: T.FLOAT16,
  FP32: T.FLOAT,
  FP64: T.DOUBLE,
  BYTES: T.STRING,
};

function versions(): SignedVersion[] {
  const label = 'v1.0-a';
  const mirrors = Object.entries(TYPES).map(([datatype, type]) =>
    signedVersion(identity(type), { model: datatype.toLowerCase(), label }),
  );
  const two = new GraphBuilder({ opset: 17, name: 'two' });
  two.input('a', T.FLOAT, ['n', 2]);
  two.input('b', T.INT64, ['n']);
  two.op('Identity', ['a'], {}, { outputs: ['a2'] });
  two.op('Identity', ['b'], {}, { outputs: ['b2'] });
  two.output('a2', T.FLOAT, ['n', 2]);
  two.output('b2', T.INT64, ['n']);
  const classes = new GraphBuilder({ opset: 17, name: 'classes' });
  classes.input('x', T.FLOAT, ['n', 3]);
  classes.op('Identity', ['x'], {}, { outputs: ['y'] });
  classes.output('y', T.FLOAT, ['n', 3]);
  const rows = new GraphBuilder({ opset: 17, name: 'rows' });
  rows.input('x', T.FLOAT, ['n', 'm']);
  rows.op('Identity', ['x'], {}, { outputs: ['y'] });
  rows.output('y', T.FLOAT, ['n', 'm']);
  const gather = new GraphBuilder({ opset: 17, name: 'gather' });
  gather.input('x', T.INT64, ['n']);
  gather.op('Gather', [gather.float([1, 2, 3], [3]), 'x'], {}, { outputs: ['y'] });
  gather.output('y', T.FLOAT, ['n']);
  return [
    ...mirrors,
    signedVersion(two.bytes(), { model: 'two', label }),
    signedVersion(classes.bytes(), { model: 'classes', label, labels: 'cat\ndog\né\n' }),
    signedVersion(rows.bytes(), { model: 'rows', label }),
    signedVersion(gather.bytes(), { model: 'gather', label }),
  ];
}

let mesh: OneShardMesh;
let client: MassifClient;
let callers: Callers;

beforeAll(async () => {
  mesh = await OneShardMesh.start(versions());
  const catalog = await mesh.shard.bus.kv(buckets.catalog('east'));
  const served = await catalog.get(keys.endpoint('fp32'));
  const absent = {
    ...served?.json<object>(),
    name: 'absent',
    variants: [{ version: 'e'.repeat(64), label: '1', weight: 10_000 }],
  };
  await catalog.put(keys.endpoint('absent'), JSON.stringify(absent));
  client = await connect({ nats: [mesh.natsUrl] });
  callers = new Callers(mesh.restUrl, mesh.shard.bus.nc, mesh.grpcTarget, client);
  await waitUntil('the edge knows all endpoints', () => mesh.view.endpoint('absent'));
}, 90_000);
afterAll(async () => {
  callers?.close();
  await client?.close();
  await mesh?.[Symbol.asyncDispose]();
}, 30_000);

const bare = (heard: Heard): Pick<Heard, 'outputs' | 'version'> => ({
  ...(heard.outputs ? { outputs: heard.outputs } : {}),
  ...(heard.version === undefined ? {} : { version: heard.version }),
});

/** Every way to send it, by name. */
async function everywhere(one: TensorCase): Promise<Record<string, Heard>> {
  const request: InferRequest = {
    ...(one.id === undefined ? {} : { id: one.id }),
    parameters: one.parameters ?? {},
    inputs: [...one.inputs],
    ...(one.outputs ? { outputs: one.outputs.map((name) => ({ name })) } : {}),
    binaryOutput: true,
  };
  const asBinary = encodeInferRequest(request);
  const heard: Record<string, Heard> = {
    'REST, binary': await callers.rest(one, asBinary),
    'NATS, binary': await callers.nats(one, asBinary),
    'gRPC, raw': await callers.grpcInfer(one, request, true),
    client: await callers.library(one, request),
  };
  if (one.binaryOnly) return heard;
  const asJson = encodeInferRequest({ ...request, binaryOutput: false }, { binary: false });
  return {
    ...heard,
    'REST, JSON': await callers.rest(one, asJson),
    'NATS, JSON': await callers.nats(one, asJson),
    'gRPC, typed': await callers.grpcInfer(one, request, false),
  };
}

const statusOf = (door: string, code: ErrorCode): number =>
  door.startsWith('gRPC') ? ERRORS[code].grpc : ERRORS[code].http;

test.each(TENSOR_CASES)('$name', async (one) => {
  const heard = await everywhere(one);
  for (const [door, { status, code, id, ...answer }] of Object.entries(heard)) {
    if (typeof one.gives === 'string') {
      expect([code, status], door).toEqual([one.gives, statusOf(door, one.gives)]);
      continue;
    }
    expect(bare({ status, ...answer }), door).toEqual({ outputs: one.gives, version: 'v1.0-a' });
    if (door !== 'client') expect(id, door).toBe(one.id);
  }
  for (const encoding of ['binary', 'JSON'])
    expect(heard[`REST, ${encoding}`]?.body).toEqual(heard[`NATS, ${encoding}`]?.body);
});

function bodyOf({ json, blob = '', header }: BodyCase): { body: Body; sent: Record<string, string> } {
  const head = Buffer.from(json);
  const bytes = Buffer.concat([head, Buffer.from(blob, 'hex')]);
  if (header === 'json') return { body: { bytes, jsonLength: head.length }, sent: {} };
  return {
    body: { bytes, jsonLength: undefined },
    sent: header === undefined ? {} : { [headers.jsonLength]: header },
  };
}

test.each(BODY_CASES)('$name', async (one) => {
  const { body, sent } = bodyOf(one);
  const rest = await callers.rest(one, body, sent);
  const nats = await callers.nats(one, body, sent);
  if (typeof one.gives === 'string')
    for (const heard of [rest, nats])
      expect([heard.code, heard.status]).toEqual([one.gives, ERRORS[one.gives].http]);
  else for (const heard of [rest, nats]) expect(heard.outputs ?? heard).toEqual(one.gives);
  expect(rest.body).toEqual(nats.body);
});

test('gzip, deflate; inflation bomb: packed bodies are read, and answered packed where that is asked', async () => {
  const inputs = [
    { name: 'x', datatype: 'UINT8' as const, shape: [4_096], data: new Uint8Array(4_096).fill(7) },
  ];
  const { bytes, jsonLength } = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
  const plain = await callers.rest({ model: 'uint8' }, { bytes, jsonLength });
  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const) {
    const packed = await callers.rest(
      { model: 'uint8' },
      { bytes: pack(bytes), jsonLength },
      {
        'Content-Encoding': encoding,
        'Accept-Encoding': encoding,
      },
    );
    expect(packed.outputs).toEqual(inputs.map((input) => shown({ ...input, name: 'y' })));
    expect(packed.body).toEqual(plain.body);
  }
  const bomb = { bytes: gzipSync(Buffer.alloc(200 * 1_048_576)), jsonLength: undefined };
  expect(await callers.rest({ model: 'uint8' }, bomb, { 'Content-Encoding': 'gzip' })).toMatchObject({
    status: 413,
    code: 'TOO_LARGE',
  });
  expect(await callers.rest({ model: 'uint8' }, bomb, { 'Content-Encoding': 'br' })).toMatchObject({
    status: 415,
  });
});

test('gRPC raw and typed; half-raw refused; stream with final marker', async () => {
  const input = (name: string) => ({ name, datatype: 'FP32', shape: [1n] });
  const contents = { fp32Contents: [1] };
  const bytes = new Uint8Array(4);
  for (const message of [
    { inputs: [input('x'), input('z')], rawInputContents: [bytes] },
    { inputs: [{ ...input('x'), contents }], rawInputContents: [bytes] },
    { inputs: [{ ...input('x'), contents: { fp64Contents: [1] } }] },
    { inputs: [{ ...input('x'), datatype: 'FP16', contents }] },
    { inputs: [{ ...input('x'), datatype: 'FP8', contents }] },
  ])
    expect(
      await callers.grpcSend(create(ModelInferRequestSchema, { modelName: 'fp32', ...message })),
    ).toMatchObject({ status: 3, code: 'BAD_REQUEST' });
  const sound = { modelName: 'fp32', inputs: [{ ...input('x'), contents }] };
  const heard = await callers.grpcStream([
    { ...sound, id: 'a' },
    { ...sound, id: 'b', modelName: 'nothing' },
    { ...sound, id: 'c' },
  ]);
  expect(heard.map(({ errorMessage, inferResponse }) => [errorMessage === '', inferResponse?.id])).toEqual([
    [true, 'a'],
    [false, 'b'],
    [true, 'c'],
  ]);
  for (const { inferResponse } of heard)
    expect(inferResponse?.parameters['triton_final_response']?.parameterChoice.value).toBe(true);
});

test('index, load, unload, config, stats: gRPC says what REST says', async () => {
  const { method } = GRPCInferenceService;
  const json = async (path: string, init: RequestInit = {}) =>
    (await (await fetch(mesh.restUrl + path, init)).json()) as never;
  const index = (await json('/v2/repository/index', { method: 'POST' })) as object[];
  expect(index).toContainEqual({ name: 'fp32', version: 'v1.0-a', state: 'READY', reason: '' });
  const { models } = await callers.grpcUnary(method.repositoryIndex, {});
  expect(models).toMatchObject(index);
  const described: { max_batch_size: number } = await json('/v2/models/classes/config');
  expect(described).toMatchObject({
    name: 'classes',
    input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [3] }],
    output: [{ name: 'y', dims: [3], label_filename: 'labels.txt' }],
  });
  const { config } = await callers.grpcUnary(method.modelConfig, { name: 'classes' });
  expect(config).toMatchObject({
    name: 'classes',
    maxBatchSize: described.max_batch_size,
    input: [{ name: 'x', dims: [3n] }],
    output: [{ labelFilename: 'labels.txt' }],
  });
  const parameters = {
    config: { parameterChoice: { case: 'stringParam' as const, value: '{}' } },
    unload_dependents: { parameterChoice: { case: 'stringParam' as const, value: 'yes' } },
  };
  const asked = { modelName: 'fp32', parameters };
  await expect(callers.grpcUnary(method.repositoryModelLoad, asked)).rejects.toMatchObject({ code: 12 });
  await expect(callers.grpcUnary(method.repositoryModelUnload, asked)).rejects.toMatchObject({ code: 3 });
});

test('health, metadata, paths with and without version: REST and NATS tell the same, classes too', async () => {
  for (const path of [
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/fp32/ready',
    '/v2/models/fp32/versions/v1.0-a/ready',
  ])
    expect((await fetch(mesh.restUrl + path)).status, path).toBe(200);
  expect((await fetch(`${mesh.restUrl}/v2/models/absent/ready`)).status).toBe(503);
  const rest = (await (await fetch(`${mesh.restUrl}/v2/models/classes`)).json()) as object;
  expect(rest).toMatchObject({
    name: 'classes',
    versions: ['v1.0-a'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
    properties: { labels: 'cat\ndog\né' },
  });
  const ask = (name: string, body = '') =>
    mesh.shard.bus.nc.request(subjects.metadata(name), body, { timeout: 5_000 });
  expect((await ask('classes')).json()).toEqual(rest);
  expect((await ask('classes', '{"version":"v1.0-a"}')).json()).toEqual(rest);
  expect((await ask('nothing')).headers?.get(headers.errorCode)).toBe('ENDPOINT_UNKNOWN');
  expect((await ask('classes', '{"version":7}')).headers?.get(headers.errorCode)).toBe('BAD_REQUEST');
});

const python = ['/usr/bin/python3', 'python3'].find(
  (name) => spawnSync(name, ['-c', 'import grpc, google.protobuf']).status === 0,
);

test.skipIf(python === undefined)(
  'clients of others: a Python with grpcio calls by reflection alone (skipped where there is none)',
  async () => {
    const script = join(root, 'deploy/local/testing/grpc_client.py');
    const { stdout } = await promisify(execFile)(python ?? '', [script, mesh.grpcTarget]);
    expect(stdout.split('\n')).toEqual([
      'live True',
      `extensions ${JSON.stringify(extensions(true)).replaceAll('"', "'").replaceAll(',', ', ')}`,
      expect.stringMatching(/^config [1-9]\d*$/),
      "infer 1 [('y', [2])] 0000803f00000040",
      'refused NOT_FOUND ENDPOINT_UNKNOWN',
      '',
    ]);
  },
);

test('every line of the checklist has its cases', () => {
  const told = new Set<string>([...TENSOR_CASES, ...BODY_CASES].map(({ line }) => line));
  // Each of these is a test of its own above.
  const elsewhere = [
    'gzip, deflate; inflation bomb',
    'gRPC raw and typed; half-raw refused; stream with final marker',
    'index, load, unload, config, stats',
  ];
  expect(CHECKLIST.filter((line) => !told.has(line))).toEqual(elsewhere);
});
