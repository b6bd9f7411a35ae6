import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startNats } from '../deploy/local/nats.js';
import { MassifClient } from './mod.js';
import { MassifModule } from './nest.js';
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
