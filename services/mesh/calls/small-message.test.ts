import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { headerBlock, headerLine } from '../header-block.js';
import { type Rest, SmallMessages } from './small-message.js';

let dir: string;
let nats: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-small-message-'));
  nats = await startNats({ dir, region: 'east' });
  nc = await connect({ servers: nats.url });
});
afterAll(async () => {
  await nc?.close();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

test('messages of all small sizes arrive whole and in order, whoever of the two sent them', async () => {
  const small = new SmallMessages(nc);
  const heard: Msg[] = [];
  const subscription = nc.subscribe('small', { callback: (_, message) => void heard.push(message) });
  const bodies = Array.from({ length: 400 }, (_, n) => new Uint8Array(n * 9).fill(n));
  for (const [n, body] of bodies.entries()) {
    const lines = headerLine('Number', n) + headerLine('Word', 'x'.repeat(n % 7));
    if (n % 3 === 0) {
      small.handOver();
      nc.publish('small', body, { headers: headerBlock(lines) });
    } else expect(small.send('small', lines, body)).toBe(true);
  }
  await nc.flush();
  subscription.unsubscribe();
  expect(heard.map(({ data }) => [...data])).toEqual(bodies.map((body) => [...body]));
  expect(heard.map(({ headers }) => headers?.get('Number'))).toEqual(bodies.map((_, n) => String(n)));
  expect(heard.map(({ headers }) => headers?.get('Word'))).toEqual(bodies.map((_, n) => 'x'.repeat(n % 7)));
});

test.each([
  ['is not small', headerLine('A', 'a'), new Uint8Array(5_000)],
  ['has other characters than ASCII', headerLine('A', 'ä'), new Uint8Array(5)],
])('a message that %s is left to the client', async (_, lines, body) => {
  let heard = 0;
  const subscription = nc.subscribe('left', { callback: () => void heard++ });
  const small = new SmallMessages(nc);
  expect(small.send('left', lines, body)).toBe(false);
  await Promise.resolve();
  await nc.flush();
  subscription.unsubscribe();
  expect(heard).toBe(0);
});

test('what is sent in one turn of the loop leaves together, more of it than one piece of memory holds, rests and all', async () => {
  const small = new SmallMessages(nc);
  const heard: Msg[] = [];
  const subscription = nc.subscribe('many', { callback: (_, message) => void heard.push(message) });
  await nc.flush();
  const rest = (n: number): Rest => ({ bytes: n, copyTo: (target, at) => void target.fill(n, at, at + n) });
  for (let n = 0; n < 250; n++)
    expect(small.send('many', headerLine('Number', n), Uint8Array.of(7, 8), rest(n))).toBe(true);
  await Promise.resolve();
  await nc.flush();
  subscription.unsubscribe();
  expect(heard.map(({ headers }) => headers?.get('Number'))).toEqual(heard.map((_, n) => String(n)));
  expect(heard.map(({ data }) => [...data])).toEqual(
    Array.from({ length: 250 }, (_, n) => [7, 8, ...Array.from({ length: n }, () => n)]),
  );
});
