import { headers as natsHeaders } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isInbox } from '../../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { Answer } from '../answer.js';
import { type Bus, connectBus } from '../bus.js';
import { Mux } from './mux.js';
import { waitUntil } from '../testing/wait-until.js';

let dir: string;
let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mux-'));
  nats = await startNats({ dir, region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'asker', region: 'east' });
  bus.nc.subscribe('twice', {
    callback: (_, message) => {
      message.respond('first');
      message.respond('second');
    },
  });
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

test('a token hears every answer until it is closed; words that are no token go to whoever listens for strays', async () => {
  const strays: string[] = [];
  const mux = new Mux(bus, (word, message) => strays.push(`${word} ${message.string()}`));
  expect(isInbox(`${mux.prefix}.1`)).toBe(true);
  const heard: string[] = [];
  const token = mux.expect((message) => heard.push(message.string()));
  mux.send('twice', new Uint8Array(), token, natsHeaders());
  await waitUntil('both answers came', () => heard.length === 2);
  expect(heard).toEqual(['first', 'second']);
  bus.nc.publish(`${mux.prefix}.outcomes`, 'of a batch');
  await waitUntil('the stray came', () => strays.length === 1);
  mux.close(token);
  expect(mux.open).toBe(0);
  mux.send('twice', new Uint8Array(), token, natsHeaders());
  await waitUntil('late answers are strays', () => strays.length === 3);
  expect(strays[0]).toBe('outcomes of a batch');
  expect(heard).toHaveLength(2);
});

test('nobody there is an answer of its own, at once', async () => {
  const mux = new Mux(bus);
  const answers: Answer[] = [];
  mux.send(
    'nobody.here',
    new Uint8Array(),
    mux.expect((message) => answers.push(new Answer(message))),
    natsHeaders(),
  );
  await waitUntil('the server says so', () => answers.length === 1);
  expect(answers[0]).toMatchObject({ nobody: true, jsonLength: undefined, replica: '' });
});
