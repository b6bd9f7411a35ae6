import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, type ServiceError, status as grpc } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { buckets, keys } from '../../../contracts/buckets.js';
import { decodeInferRequest, decodeInferResponse } from '../../../contracts/infer-body.js';
import { encodeInferRequest, encodeInferResponse } from '../../../contracts/infer-body.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { toBlob } from '../../../contracts/tensor.js';
import { type ConsulServer, startConsul } from '../../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { boot, type Running } from '../../mesh/boot.js';
import { Dispatcher } from '../../mesh/calls/dispatch.js';
import type { Log, LogFields } from '../../mesh/log.js';
import { RouteView } from '../../mesh/routing/route-view.js';
import { FakeEngine } from '../../mesh/testing/fake-engine.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { Admission } from '../admission.js';
import { gatewayService } from '../gateway.module.js';
import { extensions } from '../metadata.js';
import { GrpcDoor } from './grpc-door.js';
import { Health, HealthCheckResponse_ServingStatus as Serving } from './proto/health_pb.js';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  type ModelStreamInferResponse,
} from './proto/open_inference_grpc_pb.js';
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from './proto/reflection_pb.js';
import { definitionOf } from './rpc.js';

const BODY_MAX_BYTES = 4_000_000;
const VERSION = 'a'.repeat(64);
const record = (name: string, version = VERSION, timeoutMs = 3_000): EndpointRecord => ({
  name,
  model: 'echo',
  variants: [{ version, label: '1.0', weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs,
  updatedAt: '2026-01-01T00:00:00Z',
});

const lines: { event: string; fields: LogFields }[] = [];
const heard = (event: string, fields: LogFields = {}): void => void lines.push({ event, fields });
const heardLog: Log = { info: heard, warn: heard, error: heard, child: () => heardLog };

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let gateway: Running;
let engine: FakeEngine;
let client: Client;
let stopped = false;

beforeAll(async () => {
  vi.stubEnv('MASSIF_BODY_MAX_BYTES', String(BODY_MAX_BYTES));
  dir = await mkdtemp(join(tmpdir(), 'massif-grpc-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  vi.stubEnv('MASSIF_GRPC_PORT', '0');
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
    },
    log: heardLog,
  });
  vi.unstubAllEnvs();
  const target = `127.0.0.1:${gateway.app.get(GrpcDoor).port}`;
  // Clients take 4 MiB unless told otherwise.
  client = new Client(target, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const catalog = await gateway.parts.bus.kv(buckets.catalog('east'), { create: {} });
  for (const endpoint of [record('echo'), record('empty', 'e'.repeat(64), 200)])
    await catalog.put(keys.endpoint(endpoint.name), JSON.stringify(endpoint));
  engine = await FakeEngine.start({ url: nats.url, region: 'east', shard: 'shard-1', version: VERSION });
  engine.answerWith((bytes, jsonLength) => {
    const request = decodeInferRequest(bytes, jsonLength);
    const { id, parameters, inputs: outputs } = request;
    const named = { modelName: 'echo', modelVersion: '1.0', ...(id === undefined ? {} : { id }) };
    return encodeInferResponse({ ...named, parameters, outputs }, request);
  });
  const view = gateway.app.get(RouteView);
  await waitUntil('the gateway sees all', () => view.endpoint('empty') && view.replicas(VERSION)[0]?.fresh);
}, 30_000);
afterAll(async () => {
  client?.close();
  await engine?.vanish();
  if (!stopped) await gateway?.stop();
  await consul?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  engine.failWith(undefined);
  engine.muteAnswers(false);
  engine.received.length = 0;
});

interface Sent {
  readonly metadata?: Record<string, string>;
  readonly timeoutMs?: number;
}

const calls = GRPCInferenceService.method;
const metadataOf = (sent: Record<string, string> = {}): Metadata => Metadata.fromHttp2Headers(sent);
const serializers = (method: DescMethod) => {
  const { path, requestSerialize, responseDeserialize } = definitionOf(method);
  return [path, requestSerialize, responseDeserialize] as const;
};

function ask<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  message: MessageInitShape<I>,
  { metadata, timeoutMs }: Sent = {},
): Promise<{ answer: MessageShape<O>; trailer: Metadata }> {
  const request = create(method.input, message);
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    let answer: unknown;
    client
      .makeUnaryRequest(...serializers(method), request, metadataOf(metadata), options, (error, value) => {
        if (error) reject(error);
        answer = value;
      })
      .on('status', ({ metadata: trailer }) => resolve({ answer: answer as MessageShape<O>, trailer }));
  });
}

async function refusal(asked: Promise<unknown>): Promise<[string | undefined, unknown]> {
  const error = (await asked.then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  )) as ServiceError;
  return [grpc[error.code], error.metadata.get('massif-error')[0]];
}

const typed = { modelName: 'echo', inputs: [fp32([1, 2, 3])] };
function fp32(values: number[]) {
  return {
    name: 'x',
    datatype: 'FP32',
    shape: [BigInt(values.length)],
    contents: { fp32Contents: values },
  };
}

test('the server and its models say what the REST door says', async () => {
  expect((await ask(calls.serverLive, {})).answer.live).toBe(true);
  expect((await ask(calls.serverReady, {})).answer.ready).toBe(true);
  expect((await ask(calls.serverMetadata, {})).answer).toMatchObject({
    name: 'massif',
    extensions: extensions(true),
  });
  expect((await ask(calls.modelReady, { name: 'echo', version: '1.0' })).answer.ready).toBe(true);
  expect((await ask(calls.modelReady, { name: 'empty' })).answer.ready).toBe(false);
  const index = (await ask(calls.repositoryIndex, {})).answer.models;
  expect(index.map(({ name, state }) => `${name} ${state}`)).toEqual(['echo READY', 'empty UNAVAILABLE']);
  expect((await ask(calls.repositoryIndex, { ready: true })).answer.models).toHaveLength(1);
});

test('typed tensors are answered typed, with the id, the parameters and where it ran', async () => {
  const { answer, trailer } = await ask(
    calls.modelInfer,
    { ...typed, id: 'mine', parameters: { sequence_id: int64(2n ** 63n - 1n), sequence_start: bool(true) } },
    { metadata: { 'massif-request-id': 'req-1', 'massif-priority': '1' }, timeoutMs: 2_000 },
  );
  expect(answer).toMatchObject({ modelName: 'echo', modelVersion: '1.0', id: 'mine' });
  expect(answer.outputs[0]).toMatchObject({ name: 'x', datatype: 'FP32', shape: [3n] });
  expect(answer.outputs[0]?.contents?.fp32Contents).toEqual([1, 2, 3]);
  expect(answer.rawOutputContents).toEqual([]);
  expect(answer.parameters['sequence_id']?.parameterChoice.value).toBe('9223372036854775807');
  expect(answer.parameters['sequence_start']?.parameterChoice.value).toBe(true);
  const told = Object.fromEntries(
    Object.entries(trailer.getMap()).filter(([key]) => key.startsWith('massif')),
  );
  expect(told).toEqual({
    'massif-request-id': 'req-1',
    'massif-replica': engine.id,
    'massif-attempts': '1',
  });
  const seen = engine.received[0];
  expect([seen?.get('Massif-Request-Id'), seen?.get('Massif-Priority')]).toEqual(['req-1', '1']);
  expect(Number(seen?.get('Massif-Timeout'))).toBeLessThanOrEqual(2_000);
});

test('the same inference over REST and gRPC raw gives the same bytes', async () => {
  const inputs = [
    { name: 'a', datatype: 'FP32', shape: [2, 2], data: Float32Array.of(NaN, -0, Infinity, 1e-45) },
    { name: 'b', datatype: 'INT64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
    { name: 'c', datatype: 'FP16', shape: [1, 3], data: Uint16Array.of(1, 0x7e01, 0xffff) },
    { name: 'd', datatype: 'BYTES', shape: [3], data: [new Uint8Array(), Uint8Array.of(255, 0), 'é'] },
    { name: 'e', datatype: 'UINT8', shape: [0, 4], data: new Uint8Array() },
  ] as Parameters<typeof encodeInferRequest>[0]['inputs'];
  const body = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
  const rest = await fetch(`${gateway.restUrl}/v2/models/echo/infer`, {
    method: 'POST',
    body: body.bytes as Uint8Array<ArrayBuffer>,
    headers: {
      'Content-Type': 'application/octet-stream',
      'Inference-Header-Content-Length': String(body.jsonLength),
    },
  });
  const length = Number(rest.headers.get('inference-header-content-length'));
  const overRest = decodeInferResponse(new Uint8Array(await rest.arrayBuffer()), length).outputs;
  const { answer } = await ask(calls.modelInfer, {
    modelName: 'echo',
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
    rawInputContents: inputs.map(({ data }) => toBlob(data)),
  });
  expect(answer.rawOutputContents.map((blob) => Buffer.from(blob).toString('hex'))).toEqual(
    overRest.map(({ data }) => Buffer.from(toBlob(data)).toString('hex')),
  );
  expect(answer.outputs.map(({ name, shape }) => [name, shape.map(Number)])).toEqual(
    overRest.map(({ name, shape }) => [name, shape]),
  );
});

test('every refusal has its status, and its code in the trailing metadata', async () => {
  const infer = (message: MessageInitShape<typeof ModelInferRequestSchema>, sent?: Sent) =>
    refusal(ask(calls.modelInfer, message, sent));
  const bad = ['INVALID_ARGUMENT', 'BAD_REQUEST'];
  expect(await infer({ ...typed, modelName: 'nothing' })).toEqual(['NOT_FOUND', 'ENDPOINT_UNKNOWN']);
  expect(await infer({ ...typed, modelVersion: '9' })).toEqual(['NOT_FOUND', 'VERSION_UNKNOWN']);
  expect(await refusal(ask(calls.modelReady, { name: 'no' }))).toEqual(['NOT_FOUND', 'ENDPOINT_UNKNOWN']);
  expect(await infer({ ...typed, rawInputContents: [new Uint8Array(12)] })).toEqual(bad);
  expect(await infer(typed, { metadata: { 'massif-priority': 'soon' } })).toEqual(bad);
  expect(await infer({ ...typed, modelName: 'empty' })).toEqual(['UNAVAILABLE', 'NOT_READY']);
  engine.failWith('UNSIGNED');
  expect(await infer(typed)).toEqual(['PERMISSION_DENIED', 'UNSIGNED']);
  engine.failWith(undefined);
  engine.muteAnswers();
  expect((await infer(typed, { timeoutMs: 100 }))[0]).toBe('DEADLINE_EXCEEDED');
});

test('a message over the limit is refused, not timed out; one that is no message too', async () => {
  const limit = BODY_MAX_BYTES;
  const zeros = (bytes: number) => ({
    modelName: 'echo',
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [BigInt(bytes)] }],
    rawInputContents: [new Uint8Array(bytes)],
  });
  expect((await refusal(ask(calls.modelInfer, zeros(limit))))[0]).toBe('RESOURCE_EXHAUSTED');
  expect((await ask(calls.modelInfer, zeros(limit - 8_192))).answer.outputs).toHaveLength(1);
  const many = { modelName: 'echo', inputs: Array.from({ length: 20_000 }, () => ({})) };
  expect(await refusal(ask(calls.modelInfer, many))).toEqual(['RESOURCE_EXHAUSTED', 'TOO_LARGE']);
  const [path, , read] = serializers(calls.modelInfer);
  const nonsense = new Promise((_, reject) => {
    const bytes = Buffer.from('no message');
    client.makeUnaryRequest(
      path,
      () => bytes,
      read,
      bytes,
      (error) => reject(error as Error),
    );
  });
  expect(await refusal(nonsense)).toEqual(['INVALID_ARGUMENT', 'BAD_REQUEST']);
});

test('a full house is an answer, and what was held is let go', async () => {
  const admission = gateway.app.get(Admission);
  const leave = admission.enter(Number.MAX_SAFE_INTEGER);
  expect(await refusal(ask(calls.modelInfer, typed))).toEqual(['UNAVAILABLE', 'MAILBOX_FULL']);
  leave();
  await ask(calls.modelInfer, typed);
  expect(admission.held).toEqual({ requests: 0, bytes: 0 });
});

test('a caller that goes away is forgotten, and the log says 499', async () => {
  engine.muteAnswers();
  const metadata = metadataOf({ 'massif-request-id': 'gone-1' });
  const request = create(ModelInferRequestSchema, typed);
  const patient = { deadline: Date.now() + 60_000 };
  const call = client.makeUnaryRequest(
    ...serializers(calls.modelInfer),
    request,
    metadata,
    patient,
    () => undefined,
  );
  await waitUntil('the engine has it', () => engine.received.length > 0);
  expect(gateway.app.get(Admission).held.requests).toBe(1);
  call.cancel();
  const line = await waitUntil('the access log has it', () =>
    lines.find(({ event, fields }) => event === 'grpc.request' && fields['requestId'] === 'gone-1'),
  );
  expect(line.fields).toMatchObject({ status: 499, endpoint: 'echo' });
  await waitUntil('nobody waits for the engine any more', () => gateway.app.get(Dispatcher).inFlight === 0);
});

test('a stream answers each request in order with the final mark, and outlives an error', async () => {
  const stream = client.makeBidiStreamRequest(...serializers(calls.modelStreamInfer));
  const answers: ModelStreamInferResponse[] = [];
  stream.on('data', (answer: ModelStreamInferResponse) => void answers.push(answer));
  const over = new Promise((resolve) => stream.on('status', resolve));
  const read = new Promise((resolve) => stream.on('end', resolve));
  for (const [id, modelName] of ['echo', 'nothing', 'echo'].entries())
    stream.write(create(ModelInferRequestSchema, { ...typed, id: `r${id}`, modelName }));
  stream.end();
  expect(await over).toMatchObject({ code: grpc.OK });
  await read;
  expect(answers.map(({ inferResponse }) => inferResponse?.id)).toEqual(['r0', 'r1', 'r2']);
  expect(answers.map(({ errorMessage }) => errorMessage === '')).toEqual([true, false, true]);
  for (const { inferResponse } of answers)
    expect(inferResponse?.parameters['triton_final_response']?.parameterChoice.value).toBe(true);
  expect(answers[2]?.inferResponse?.outputs[0]?.contents?.fp32Contents).toEqual([1, 2, 3]);
});

test('health probes are answered, for the server and for its service', async () => {
  for (const service of ['', 'inference.GRPCInferenceService'])
    expect((await ask(Health.method.check, { service })).answer.status).toBe(Serving.SERVING);
  expect(await refusal(ask(Health.method.check, { service: 'x' }))).toEqual(['NOT_FOUND', 'NOT_FOUND']);
});

test('requests of this door stand in the metrics under its name', async () => {
  await ask(calls.modelInfer, typed);
  const page = await (await fetch(`${gateway.restUrl}/metrics`)).text();
  expect(page).toMatch(/massif_request_seconds_count\{[^}]*endpoint="echo",version="1.0",door="grpc"/);
});

test('reflection names the services and gives their files with what they import', async () => {
  const { method } = ServerReflection;
  const definition = definitionOf(method.serverReflectionInfo);
  const alpha = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';
  for (const path of [definition.path, alpha]) {
    const { requestSerialize: write, responseDeserialize: read } = definition;
    const stream = client.makeBidiStreamRequest(path, write, read);
    const heard: ServerReflectionResponse['messageResponse'][] = [];
    stream.on('data', ({ messageResponse }: ServerReflectionResponse) => void heard.push(messageResponse));
    const over = new Promise((resolve) => stream.on('end', resolve));
    for (const messageRequest of [
      { case: 'listServices', value: '' },
      { case: 'fileContainingSymbol', value: 'inference.GRPCInferenceService.ModelInfer' },
      { case: 'fileByFilename', value: 'model_config.proto' },
      { case: 'fileContainingSymbol', value: 'no.Such' },
      { case: undefined },
    ] as const)
      stream.write(create(ServerReflectionRequestSchema, { messageRequest }));
    stream.end();
    await over;
    const [services, file, byName, unknown, nothing] = heard;
    expect(services).toMatchObject({
      value: {
        service: [
          { name: 'inference.GRPCInferenceService' },
          { name: 'grpc.health.v1.Health' },
          { name: 'grpc.reflection.v1.ServerReflection' },
        ],
      },
    });
    const names = (one: typeof file) =>
      one?.case === 'fileDescriptorResponse'
        ? one.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
        : [];
    expect(names(file)).toEqual(['open_inference_grpc.proto', 'model_config.proto']);
    expect(names(byName)).toEqual(['model_config.proto']);
    expect(unknown).toMatchObject({ value: { errorCode: grpc.NOT_FOUND } });
    expect(nothing).toMatchObject({ value: { errorCode: grpc.INVALID_ARGUMENT } });
  }
});

test('at its end the door tells those who watch, and keeps nobody waiting', async () => {
  const { watch: method } = Health.method;
  const watch = client.makeServerStreamRequest(...serializers(method), create(method.input));
  const told: Serving[] = [];
  watch.on('data', ({ status }: { status: Serving }) => void told.push(status));
  const over = new Promise((resolve) => watch.on('end', resolve));
  await waitUntil('it watches', () => told.length === 1);
  stopped = true;
  await gateway.stop();
  await over;
  expect(told).toEqual([Serving.SERVING, Serving.NOT_SERVING]);
});

function int64(value: bigint) {
  return { parameterChoice: { case: 'int64Param' as const, value } };
}
function bool(value: boolean) {
  return { parameterChoice: { case: 'boolParam' as const, value } };
}
