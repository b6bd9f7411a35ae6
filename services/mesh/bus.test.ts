import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from './bus.js';
import { errorReply, failureIn } from './error-reply.js';
import { waitUntil } from './testing/wait-until.js';

let dir: string;
let nats: NatsServer;
const opened: Bus[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-bus-'));
  nats = await startNats({ dir, region: 'east' });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((bus) => bus.drain()));
});
afterAll(async () => {
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

async function bus(): Promise<Bus> {
  const made = await connectBus({ url: nats.url, name: 'tester', region: 'east' });
  opened.push(made);
  return made;
}

const anything = z.unknown();

test('a request in flight when the server dies fails at once and not at its deadline', async () => {
  const [asker, answerer] = [await bus(), await bus()];
  let asked = 0;
  answerer.nc.subscribe('silent', { callback: () => void asked++ });
  await answerer.nc.flush();
  const request = asker.request('silent', anything, {}, { timeoutMs: 600_000 });
  const outcome = expect(request).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await waitUntil('it is under way', () => asked === 1);
  await nats.kill('SIGKILL');
  await outcome;
  // And so does the next, while the server is away.
  await expect(asker.request('silent', anything, {}, { timeoutMs: 600_000 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  await nats.restart();
  await waitUntil('both are back', () => asker.connected() && answerer.connected());
  asker.request('silent', anything, {}, { timeoutMs: 600_000 }).catch(() => undefined);
  await waitUntil('subscriptions are back too', () => asked === 2);
});

test('every change of the connection is told', async () => {
  const one = await bus();
  const states: string[] = [];
  one.onStatus((state) => states.push(state));
  const silent = one.onStatus(() => states.push('never'));
  silent();
  await nats.kill('SIGKILL');
  await waitUntil('it is down', () => states.length === 1);
  await nats.restart();
  await waitUntil('it is up', () => states.length === 2);
  await one.drain();
  await waitUntil('it is closed', () => states.length === 3);
  expect(states).toEqual(['disconnected', 'connected', 'closed']);
  expect(one.connected()).toBe(false);
});

test('a connection that is down can be drained', async () => {
  const one = await bus();
  await nats.kill('SIGKILL');
  await waitUntil('it is down', () => !one.connected());
  await one.drain();
  await nats.restart();
});

test('an answer that is not what was agreed is INTERNAL, a silent one DEADLINE', async () => {
  const [asker, answerer] = [await bus(), await bus()];
  answerer.nc.subscribe('odd', { callback: (_, message) => void message.respond('{"a":"text"}') });
  answerer.nc.subscribe('mute', { callback: () => undefined });
  await answerer.nc.flush();
  const schema = z.object({ a: z.number() });
  await expect(asker.request('odd', schema, {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: 'INTERNAL',
  });
  await expect(asker.request('mute', schema, {}, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'DEADLINE',
  });
});

test('a bucket that is not there is UNAVAILABLE, and found once somebody made it', async () => {
  const [reader, maker] = [await bus(), await bus()];
  await expect(reader.kv('not_there')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(reader.object('not_there')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await (await maker.kv('not_there', { create: {} })).put('a', '1');
  expect((await (await reader.kv('not_there')).get('a'))?.string()).toBe('1');
});

test('a failure reads the same on the other side of the bus', () => {
  const sent = failure('RATE_LIMITED', 'Too many\r\nrequests.');
  const reply = errorReply(sent);
  expect(failureIn(reply)).toMatchObject({
    code: 'RATE_LIMITED',
    message: 'Too many requests.',
    retryable: true,
  });
  expect(reply.headers.get('Retry-After')).toBe('1');
  expect(failureIn({})).toBeUndefined();
});

test('a failure of somebody who does not know our codes is told by its number', () => {
  const reply = errorReply(failure('TOO_LARGE', 'Too large.'));
  reply.headers.delete('Massif-Error');
  expect(failureIn(reply)?.code).toBe('TOO_LARGE');
  reply.headers.set('Nats-Service-Error-Code', '418');
  expect(failureIn(reply)?.code).toBe('INTERNAL');
});
