// Against a real HTTP server that keeps nodes as a cloud would, and misbehaves when told to.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../mesh/log.js';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { signatureOf, WebhookPool, type WebhookPoolParts } from './webhook-pool.js';

const SECRET = 'shared';
const CPU = { kind: 'cpu', count: 1 } as const;
let server: Server;
let clock: FakeClock;
let pool: WebhookPool;
let parts: Omit<WebhookPoolParts, 'timeoutMs'>;
let nodes: Map<string, number>;
let answer: 'well' | 'refuses' | 'hangs' | 'nonsense';

beforeEach(async () => {
  nodes = new Map();
  answer = 'well';
  clock = new FakeClock();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const signature = signatureOf(SECRET, Math.floor(clock.now() / 1_000), method, url, body);
      if (headers['massif-signature'] !== signature) return response.writeHead(401).end();
      if (answer === 'hangs') return;
      if (answer === 'refuses') return response.writeHead(507).end('no machine is free');
      if (answer === 'nonsense') return response.end('{"nodes": 7}');
      const name = url.split('/').at(-1) ?? '';
      if (method === 'PUT') nodes.set(name, (nodes.get(name) ?? 0) + 1);
      if (method === 'DELETE' && !nodes.delete(name)) return response.writeHead(404).end();
      return response.end(JSON.stringify({ nodes: [...nodes.keys()].map((one) => ({ name: one })) }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/massif`;
  const shape = { name: 'webhook', region: 'east', nodesMax: 2, pricePerHour: 0, takesJobs: true };
  parts = { url, secret: SECRET, shape: { ...shape, device: CPU }, clock, log: silentLog };
  pool = new WebhookPool({ ...parts, timeoutMs: 10_000 });
});
afterEach(async () => {
  await pool.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

test('a node is lent, prolonged while we are there, and given back; twice is no harm', async () => {
  await pool.grow('pool-east-webhook-1-1');
  await pool.grow('pool-east-webhook-1-1');
  expect(await pool.nodes()).toEqual([{ name: 'pool-east-webhook-1-1', state: 'there' }]);
  await clock.advance(40_000);
  await waitUntil('the lease is renewed', () => nodes.get('pool-east-webhook-1-1') === 3);
  await pool.release('pool-east-webhook-1-1');
  await pool.release('pool-east-webhook-1-1');
  expect(await pool.nodes()).toEqual([]);
});

test("somebody else's nodes at the same address are none of ours", async () => {
  nodes.set('pool-west-1-1', 1);
  expect(await pool.nodes()).toEqual([]);
});

test.each([
  ['refuses', /507 no machine is free/],
  ['hangs', /timeout|aborted/i],
] as const)('a pool that %s is told of in a sentence', async (trouble, sentence) => {
  answer = trouble;
  if (trouble === 'hangs') {
    await pool.close();
    pool = new WebhookPool({ ...parts, timeoutMs: 300 });
  }
  await expect(pool.grow('pool-east-webhook-1-1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(pool.grow('pool-east-webhook-1-1')).rejects.toThrow(sentence);
});

test('a list that is none is not taken for an empty one', async () => {
  answer = 'nonsense';
  await expect(pool.nodes()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
