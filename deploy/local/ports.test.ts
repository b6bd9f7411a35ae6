import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePorts } from './free-ports.js';
import { freeBlock, regionPorts } from './ports.js';

let squatter: Server | undefined;
afterEach(() => squatter?.close());

test('two regions never share a port', () => {
  const all = [0, 1].flatMap((index) => Object.values(regionPorts(7400, index)));
  expect(new Set(all).size).toBe(all.length);
});

test('the documented doors are where the documentation says', () => {
  expect(regionPorts(7400, 0)).toMatchObject({ rest: 7400, nats: 7401, consul: 7404, grpc: 7408 });
  expect(regionPorts(7400, 1)).toMatchObject({ rest: 7410, nats: 7411, consul: 7414 });
});

test('the whole block moves when one port of it is taken', async () => {
  const [base = 0] = await freePorts(1);
  squatter = createServer();
  await new Promise<void>((resolve) => squatter?.listen(regionPorts(base, 1).serfWan, '127.0.0.1', resolve));
  const moved = await freeBlock(base, 2);
  expect(moved).toBeGreaterThan(base);
  expect((moved - base) % 20).toBe(0);
});
