import { Body, Controller, Module, Post } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { ProcessStatus } from '../../contracts/status.js';
import { subjects } from '../../contracts/subjects.js';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { boot, type Running } from './boot.js';
import type { BusContext } from './bus-context.js';
import { failureIn } from './error-reply.js';
import { silentLog } from './log.js';
import { waitUntil } from './testing/wait-until.js';

const Greeting = z.object({ name: z.string().max(8) });

let held: (() => void)[] = [];

@Controller()
class GreeterController {
  @MessagePattern('massif.greeter.hello')
  hello(@Payload({ schema: Greeting }) { name }: z.infer<typeof Greeting>): object {
    if (name === 'nobody') throw failure('MODEL_UNKNOWN', 'Nobody\nis not known.', { name });
    if (name === 'mistake') throw new Error('a mistake of ours');
    return { text: `hello ${name}` };
  }

  @Post('hello')
  post(@Body({ schema: Greeting }) greeting: z.infer<typeof Greeting>): object {
    return this.hello(greeting);
  }

  @MessagePattern('massif.greeter.bytes', { raw: true })
  bytes(@Payload() bytes: Uint8Array): Uint8Array {
    return bytes.toReversed();
  }

  @MessagePattern('massif.greeter.{instance}.left')
  left(@Ctx() context: BusContext): object {
    return { leftMs: context.leftMs(), subject: context.subject };
  }

  @MessagePattern('massif.greeter.{instance}.hold', { capacity: 2 })
  async hold(): Promise<object> {
    await new Promise<void>((resolve) => held.push(resolve));
    return { held: true };
  }
}

@Module({ controllers: [GreeterController] })
class GreeterModule {}

let dir: string;
let nats: NatsServer;
let consul: ConsulServer;
let running: Running;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-boot-'));
  [nats, consul] = await Promise.all([
    startNats({ dir: join(dir, 'nats'), region: 'east' }),
    startConsul({ dir: join(dir, 'consul'), region: 'east' }),
  ]);
  running = await bootGreeter('greeter-1');
});
afterAll(async () => {
  await running.stop();
  await Promise.all([nats.stop(), consul.stop()]);
  await rm(dir, { recursive: true, force: true });
});

function bootGreeter(instance: string, more: { restPort?: number } = {}): Promise<Running> {
  const config = {
    instance,
    region: 'east',
    homeRegion: 'east',
    regions: ['east'],
    natsUrl: nats.url,
    consulUrl: consul.url,
    keysDir: join(dir, 'keys'),
    dataDir: dir,
    ...more,
  };
  return boot({ services: [{ name: 'greeter', module: GreeterModule, http: {} }], config, log: silentLog });
}

const ask = <T>(subject: string, schema: z.ZodType<T>, body: unknown, timeoutMs = 5_000) =>
  running.parts.bus.request(subject, schema, body, { timeoutMs });

test('a handler is asked in JSON and answers in JSON', async () => {
  expect(await ask('massif.greeter.hello', z.object({ text: z.string() }), { name: 'Ada' })).toEqual({
    text: 'hello Ada',
  });
});

test('a body that the schema refuses is a BAD_REQUEST that names the field', async () => {
  await expect(ask('massif.greeter.hello', z.any(), { name: 7 })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringContaining('name:'),
  });
});

test('a failure crosses the bus with its code and its message on one line', async () => {
  await expect(ask('massif.greeter.hello', z.any(), { name: 'nobody' })).rejects.toMatchObject({
    code: 'MODEL_UNKNOWN',
    message: 'Nobody is not known.',
  });
});

test('a mistake of ours is INTERNAL for the caller', async () => {
  await expect(ask('massif.greeter.hello', z.any(), { name: 'mistake' })).rejects.toMatchObject({
    code: 'INTERNAL',
  });
});

test('a body that is no JSON is refused with a body that says what to do', async () => {
  const answer = await running.parts.bus.nc.request('massif.greeter.hello', '{"name":');
  expect(failureIn(answer)?.code).toBe('BAD_REQUEST');
  expect(answer.headers?.get(headers.errorStatus)).toBe('400');
  expect(answer.json()).toMatchObject({ code: 'BAD_REQUEST', retryable: false });
});

test('raw bytes go in and come out as they are', async () => {
  const answer = await running.parts.bus.nc.request('massif.greeter.bytes', Uint8Array.of(1, 2, 255));
  expect([...answer.data]).toEqual([255, 2, 1]);
});

test('a pattern may name the instance, and the handler sees what is left of the deadline', async () => {
  const { leftMs, subject } = await ask(
    'massif.greeter.greeter-1.left',
    z.object({ leftMs: z.number(), subject: z.string() }),
    {},
    750,
  );
  expect(subject).toBe('massif.greeter.greeter-1.left');
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(750);
});

test('a message whose deadline has passed is refused before the handler', async () => {
  const asked = natsHeaders();
  asked.set(headers.timeoutMs, '0');
  const answer = await running.parts.bus.nc.request('massif.greeter.greeter-1.hold', '{}', {
    timeout: 5_000,
    headers: asked,
  });
  expect(failureIn(answer)?.code).toBe('DEADLINE');
  expect(held).toHaveLength(0);
});

test('beyond its capacity a handler answers MAILBOX_FULL at once, and works on', async () => {
  const two = [1, 2].map(() => ask('massif.greeter.greeter-1.hold', z.any(), {}));
  await waitUntil('two are in work', () => held.length === 2);
  await expect(ask('massif.greeter.greeter-1.hold', z.any(), {})).rejects.toMatchObject({
    code: 'MAILBOX_FULL',
  });
  for (const release of held) release();
  held = [];
  expect(await Promise.all(two)).toEqual([{ held: true }, { held: true }]);
});

test('a handler that does not come back costs its caller the deadline, and its place is free again', async () => {
  const asked = natsHeaders();
  asked.set(headers.timeoutMs, '50');
  const answer = await running.parts.bus.nc.request('massif.greeter.greeter-1.hold', '{}', {
    timeout: 5_000,
    headers: asked,
  });
  expect(failureIn(answer)?.code).toBe('DEADLINE');
  held = [];
});

test('a subject that nobody serves is UNAVAILABLE at once', async () => {
  await expect(ask('massif.greeter.nothing', z.any(), {}, 60_000)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});

test('every process says who it is and shows its metrics', async () => {
  const status = await ask(subjects.status(), ProcessStatus, {});
  expect(status).toMatchObject({
    instance: 'greeter-1',
    services: ['greeter'],
    region: 'east',
    pid: process.pid,
  });
  const text = (await running.parts.bus.nc.request(subjects.metrics('east'))).string();
  expect(text).toMatch(/process_resident_memory_bytes\{.*instance="greeter-1".*\} \d+/);
});

test('the NATS services protocol lists the service and counts what it did', async () => {
  const { nc } = running.parts.bus;
  expect((await nc.request('$SRV.PING.greeter.greeter-1')).json()).toMatchObject({
    type: 'io.nats.micro.v1.ping_response',
    name: 'greeter',
    id: 'greeter-1',
  });
  const info = (await nc.request('$SRV.INFO.greeter')).json<{
    endpoints: { name: string; subject: string }[];
  }>();
  expect(info.endpoints).toContainEqual({
    name: 'greeter-hello',
    subject: 'massif.greeter.hello',
    queue_group: 'q',
    metadata: {},
  });
  const stats = (await nc.request('$SRV.STATS')).json<{
    endpoints: { name: string; num_requests: number; num_errors: number }[];
  }>();
  const hello = stats.endpoints.find((endpoint) => endpoint.name === 'greeter-hello');
  expect(hello?.num_requests).toBeGreaterThan(hello?.num_errors ?? 0);
  expect(hello?.num_errors).toBeGreaterThan(0);
});

test('Consul knows a booted service, and no longer after it stopped; what it had in work is answered', async () => {
  const other = await bootGreeter('greeter-2');
  const seen = new Map<string, boolean>();
  const end = new AbortController();
  running.parts.discovery.watchService(
    'greeter',
    'east',
    (instances) => {
      seen.clear();
      for (const one of instances) seen.set(one.meta['instance'] ?? '', one.passing);
    },
    end.signal,
  );
  await waitUntil('both are alive', () => seen.get('greeter-1') && seen.get('greeter-2'));
  await other.stop();
  await waitUntil('the second is gone', () => !seen.has('greeter-2'));
  expect(seen.get('greeter-1')).toBe(true);
  end.abort();
});

test('a service with an HTTP door answers on both, and refuses with the same words', async () => {
  const web = await bootGreeter('greeter-3', { restPort: 0 });
  const post = async (path: string, body: string) => {
    const answer = await fetch(`${web.restUrl}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    return { status: answer.status, body: await answer.json() };
  };
  expect(await post('/hello', '{"name":"Ada"}')).toEqual({ status: 201, body: { text: 'hello Ada' } });
  expect(await post('/hello', '{"name":7}')).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  expect(await post('/hello', '{"name":')).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  expect(await post('/hello', '{"name":"nobody"}')).toMatchObject({
    status: 404,
    body: { code: 'MODEL_UNKNOWN' },
  });
  expect(await post('/hello', '{"name":"mistake"}')).toMatchObject({
    status: 500,
    body: { code: 'INTERNAL' },
  });
  expect(await post('/nowhere', '{}')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  const status = await web.parts.bus.request(
    'massif.greeter.greeter-3.left',
    z.object({ leftMs: z.number() }),
    {},
    { timeoutMs: 5_000 },
  );
  expect(status.leftMs).toBeGreaterThan(0);
  await web.stop();
});

test('a message in work when the process leaves is answered, and the process waits for it', async () => {
  const other = await bootGreeter('greeter-4');
  const answer = running.parts.bus.nc.request('massif.greeter.greeter-4.hold', '{}', { timeout: 5_000 });
  await waitUntil('it is in work', () => held.length === 1);
  const stopped = other.stop();
  await waitUntil('nobody listens any more', () =>
    running.parts.bus.nc.request('massif.greeter.greeter-4.left').then(
      () => false,
      () => true,
    ),
  );
  held.pop()?.();
  expect((await answer).json()).toEqual({ held: true });
  await stopped;
});
