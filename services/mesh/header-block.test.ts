import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { eachHeader, headerBlock, headerLine, headerText } from './header-block.js';

let dir: string;
let nats: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-header-block-'));
  nats = await startNats({ dir, region: 'east' });
  nc = await connect({ servers: nats.url });
});
afterAll(async () => {
  await nc?.close();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Sends over the real server and gives what arrives. */
async function carried(subject: string, data: Uint8Array, options: Parameters<NatsConnection['publish']>[2]) {
  const arrived = new Promise<Msg>((resolve) => {
    nc.subscribe(subject, { max: 1, callback: (_, message) => resolve(message) });
  });
  nc.publish(subject, data, options);
  return arrived;
}

const read = (text: string) => {
  const found: [string, string][] = [];
  const status = eachHeader(text, (key, value) => found.push([key, value]));
  return { found, status };
};

test.each([0, 10, 300_000])(
  'the block of a message with %d bytes of body is read as it was written',
  async (size) => {
    const written = headers();
    written.set('One', '1');
    written.append('Zwei', 'zwei: ä');
    const message = await carried('block.plain', new Uint8Array(size), { headers: written, reply: 'to.me' });
    expect(read(headerText(message))).toEqual({
      found: [
        ['One', '1'],
        ['Zwei', 'zwei: ä'],
      ],
      status: 0,
    });
    expect(message.data.length).toBe(size);
  },
);

test('blocks of one length that differ in a single byte, first or last, are told apart', async () => {
  const texts: string[] = [];
  const subscription = nc.subscribe('block.alike', { callback: (_, m) => void texts.push(headerText(m)) });
  const values = ['a-----b', 'a-----b', 'c-----b', 'c-----d', 'a-----b', 'a--x--b'];
  for (const value of values)
    nc.publish('block.alike', new Uint8Array(3), { headers: headerBlock(headerLine('A', value)) });
  await nc.flush();
  subscription.unsubscribe();
  expect(texts.map((text) => read(text).found)).toEqual(values.map((value) => [['A', value]]));
});

test('spaces around a value are none of it, wherever they are', () => {
  const { found } = read('NATS/1.0\r\nA: 1\r\nB:2\r\nC:  3 4 \r\nD: \r\nE:\r\nF: \t5\r\n\r\n');
  expect(found).toEqual(Object.entries({ A: '1', B: '2', C: '3 4', D: '', E: '', F: '5' }));
});

test('the tensors of a large body lie aligned where they arrive, whatever the lengths of block and JSON part', async () => {
  for (let n = 0; n < 8; n++) {
    const body = { bytes: new Uint8Array(600_000), jsonLength: 100 + n };
    const lines = headerLine('First', 'é'.repeat(n)) + headerLine('Second', '2');
    const message = await carried('block.large', body.bytes, { headers: headerBlock(lines, body) });
    expect((message.data.byteOffset + body.jsonLength) % 8).toBe(0);
    expect(read(headerText(message)).found).toEqual([
      ['First', 'é'.repeat(n)],
      ['Second', '2'],
    ]);
    expect(message.headers?.get('First')).toBe('é'.repeat(n));
  }
});

test('a message without headers has no block', async () => {
  expect(headerText(await carried('block.none', new Uint8Array(5), {}))).toBe('');
});

test('a subject that is not ASCII changes nothing', async () => {
  const written = headers();
  written.set('One', '1');
  expect(
    read(headerText(await carried('block.ümläut', new Uint8Array(3), { headers: written }))).found,
  ).toEqual([['One', '1']]);
});

test("what we write, the client's own decoder reads, and a line break in a value starts no header", async () => {
  const lines = headerLine('One', 1) + headerLine('Two', 'a\r\nThree: 3');
  const message = await carried('block.ours', new Uint8Array(1), { headers: headerBlock(lines) });
  expect([...(message.headers ?? [])]).toEqual([
    ['One', ['1']],
    ['Two', ['a Three: 3']],
  ]);
});

test('the status of a request that nobody answers is read', async () => {
  const status = new Promise<number>((resolve) => {
    nc.subscribe('block.inbox', {
      max: 1,
      callback: (_, message) => resolve(read(headerText(message)).status),
    });
  });
  nc.publish('block.nobody', undefined, { reply: 'block.inbox' });
  expect(await status).toBe(503);
});
