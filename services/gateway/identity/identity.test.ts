import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { IdentitiesReply, IssueReply, KeyReply, TenantReply } from '../../../contracts/identity.js';
import { type IdentityVerb, subjects } from '../../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { boot, type Running } from '../../mesh/boot.js';
import { silentLog } from '../../mesh/log.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { gatewayService } from '../gateway.module.js';
import { GrpcDoor } from '../grpc/grpc-door.js';
import { GRPCInferenceService, ModelMetadataRequestSchema } from '../grpc/proto/open_inference_grpc_pb.js';
import { definitionOf } from '../grpc/rpc.js';

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let gateway: Running;
let url: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-identity-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  vi.stubEnv('MASSIF_AUTH', 'keys');
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
    log: silentLog,
  });
  vi.unstubAllEnvs();
  url = gateway.restUrl ?? '';
}, 40_000);
afterAll(async () => {
  await gateway?.stop();
  await consul?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

const ask = <T>(verb: IdentityVerb, schema: z.ZodType<T>, body: unknown): Promise<T> =>
  gateway.parts.bus.request(subjects.identity(verb), schema, body, { timeoutMs: 5_000 });
const get = (path: string, key?: string) =>
  fetch(url + path, { headers: key === undefined ? {} : { Authorization: `Bearer ${key}` } });
const until = (path: string, key: string, status: number) =>
  waitUntil(`${path} answers ${status}`, async () => (await get(path, key)).status === status);

test('a door with keys lets nobody in without one, but for signs of life', async () => {
  const refused = await get('/v2/models');
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
    401,
    'UNAUTHENTICATED',
  ]);
  expect((await get('/v2/health/live')).status).toBe(200);
  expect((await get('/healthz')).status).toBe(200);
});

test('keys are issued, rotated with an overlap and revoked while the door stays open', async () => {
  const { key, secret } = await ask('issue', IssueReply, { tenant: 'acme', roles: ['viewer'] });
  await until('/v2/models', secret, 200);
  const load = await fetch(`${url}/v2/repository/models/ocr/load`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secret}` },
  });
  expect(load.status).toBe(403);
  const next = await ask('rotate', IssueReply, { id: key.id, overlapMinutes: 60 });
  await until('/v2/models', next.secret, 200);
  expect((await get('/v2/models', secret)).status).toBe(200);
  await ask('revoke', KeyReply, { id: key.id });
  await until('/v2/models', secret, 401);
  expect((await get('/v2/models', next.secret)).status).toBe(200);
  const { keys } = await ask('list', IdentitiesReply, {});
  expect(keys.map(({ id }) => id)).toEqual([next.key.id]);
  expect(JSON.stringify(keys)).not.toContain('hash');
  await expect(ask('revoke', KeyReply, { id: key.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a quota that is used up is a 429 that says when to come again', async () => {
  await ask('tenant', TenantReply, { name: 'small', quota: { requestsPerS: 0.1, burst: 2 } });
  const { secret } = await ask('issue', IssueReply, { tenant: 'small', roles: ['caller'] });
  // 404: let in, and the model does not exist.
  await until('/v2/models/nothing', secret, 404);
  const refused = await waitUntil('the quota is used up', async () => {
    const answer = await get('/v2/models/nothing', secret);
    return answer.status === 429 ? answer : undefined;
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('the gRPC door asks the same, and knows which model a key is for', async () => {
  const { secret } = await ask('issue', IssueReply, {
    tenant: 'acme',
    roles: ['caller'],
    endpoints: ['ocr'],
  });
  await until('/v2/models/ocr', secret, 404);
  const client = new Client(`127.0.0.1:${gateway.app.get(GrpcDoor).port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = definitionOf(
    GRPCInferenceService.method.modelMetadata,
  );
  const metadataOf = (name: string, key?: string): Promise<number> => {
    const sent = new Metadata();
    if (key !== undefined) sent.set('authorization', `Bearer ${key}`);
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(ModelMetadataRequestSchema, { name }),
        sent,
        (error: ServiceError | null) => resolve(error?.code ?? 0),
      );
    });
  };
  // UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND
  expect([await metadataOf('ocr'), await metadataOf('vad', secret), await metadataOf('ocr', secret)]).toEqual(
    [16, 7, 5],
  );
  client.close();
});
