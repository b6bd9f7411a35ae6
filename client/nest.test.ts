import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ClientProxy, ClientsModule } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failure } from '../contracts/errors.js';
import { startNats } from '../deploy/local/nats.js';
import { MassifClient } from './mod.js';
import {
  type Body,
  BusClient,
  BusMessage,
  decodeInferResponse,
  encodeInferRequest,
  MassifModule,
  subjects,
} from './nest.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { IdentityRegion } from './testing/identity-region.js';

@Injectable()
class Reader {
  constructor(readonly massif: MassifClient) {}
}

test('a Nest application gets the client injected, and its end closes the connections', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'massif-nest-'));
  await using nats = await startNats({ dir, region: 'east' });
  await using region = await IdentityRegion.start('east', nats.url);
  @Module({ imports: [MassifModule.forRoot({ nats: nats.url })], providers: [Reader] })
  class Application {}

  const app = await NestFactory.createApplicationContext(Application, { logger: false });
  const { massif } = app.get(Reader);
  const { outputs } = await massif.infer('identity', { x: { data: Float32Array.of(1), shape: [1] } });
  expect(outputs['x']?.data).toEqual(Float32Array.of(1));
  expect(region.toEngine).toHaveLength(1);

  await app.close();
  await expect(massif.endpoints()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await rm(dir, { recursive: true, force: true });
});

@Injectable()
class Sender {
  constructor(@Inject('MASSIF') readonly mesh: ClientProxy) {}

  send<T>(pattern: string, data: unknown): Promise<T> {
    return firstValueFrom(this.mesh.send<T>(pattern, data));
  }
}

test('a Nest application talks to the mesh through a ClientProxy: bytes for inferences, JSON for control', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'massif-nest-'));
  await using nats = await startNats({ dir, region: 'east' });
  await using region = await IdentityRegion.start('east', nats.url);
  @Module({
    imports: [
      ClientsModule.register([
        { name: 'MASSIF', customClass: BusClient, options: { url: nats.url, timeoutMs: 2_000 } },
      ]),
    ],
    providers: [Sender],
  })
  class Application {}
  const app = await NestFactory.createApplicationContext(Application, { logger: false });
  const sender = app.get(Sender);

  const body = encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: Float32Array.of(NaN, 2) }],
    binaryOutput: true,
  });
  const asked = new BusMessage(body, { 'Massif-User': 'ann' });
  const answer = await sender.send<Body>(subjects.infer('identity'), asked);
  const { outputs } = decodeInferResponse(answer.bytes, answer.jsonLength);
  expect(outputs[0]?.data).toEqual(Float32Array.of(NaN, 2));
  const seen = region.toRouter[0];
  expect([seen?.get('Massif-User'), seen?.get('Massif-Timeout')]).toEqual(['ann', '2000']);

  const { nc } = region;
  nc.subscribe(subjects.registry('endpoints'), {
    callback: (_, message) => void message.respond(JSON.stringify({ asked: message.json() })),
  });
  const events: unknown[] = [];
  nc.subscribe('my.events', { callback: (_, message) => void events.push(message.json()) });
  await nc.flush();
  expect(await sender.send(subjects.registry('endpoints'), {})).toEqual({ asked: {} });
  await firstValueFrom(sender.mesh.emit('my.events', { n: 1 }), { defaultValue: undefined });
  await waitUntil('the event is there', () => events.length === 1);

  region.failRouter(failure('NOT_READY', 'Not yet.'));
  await expect(sender.send(subjects.infer('identity'), body)).rejects.toMatchObject({
    name: 'Failure',
    code: 'NOT_READY',
    retryable: true,
  });
  for (const [pattern, data, code] of [
    ['nobody.there', {}, 'UNAVAILABLE'],
    ['massif.*', {}, 'BAD_REQUEST'],
    ['massif.infer.identity', new Uint8Array(nc.info?.max_payload ?? 0), 'TOO_LARGE'],
  ] as const)
    await expect(sender.send(pattern, data)).rejects.toMatchObject({ code });
  region.failRouter(undefined);
  region.muteRouter();
  const late = new BusMessage(body, { 'Massif-Timeout': '50' });
  await expect(sender.send(subjects.infer('identity'), late)).rejects.toMatchObject({ code: 'DEADLINE' });

  await app.close();
  await rm(dir, { recursive: true, force: true });
});
