import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConsulServer, startConsul } from './consul.js';
import { freePorts } from './free-ports.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-consul-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function put(consul: ConsulServer, key: string, value: string): Promise<unknown> {
  const answer = await fetch(`${consul.url}/v1/kv/${key}`, { method: 'PUT', body: value });
  return answer.json();
}

async function get(consul: ConsulServer, path: string): Promise<string> {
  return (await fetch(`${consul.url}/v1/${path}`)).text();
}

test('two regions see each other as datacenters', async () => {
  await using east = await startConsul({ dir: join(dir, 'east'), region: 'east' });
  await using west = await startConsul({ dir: join(dir, 'west'), region: 'west', join: [east.wanAddress] });
  await put(east, 'said', 'in east');
  expect(await get(west, 'kv/said?dc=east&raw')).toBe('in east');
  expect(JSON.parse(await get(west, 'catalog/datacenters'))).toContain('east');
});

test('a server killed and restarted leads again, keeps what it knew and is back in the federation', async () => {
  const [east, west] = await startBoth();
  await using _east = east;
  await using _west = west;
  await put(east, 'kept', 'value');

  await east.kill('SIGKILL');
  await east.restart();

  expect(await get(east, 'kv/kept?raw')).toBe('value');
  await Promise.all([east.joined(2), west.joined(2)]);
  await expect.poll(async () => get(west, 'kv/kept?dc=east&raw')).toBe('value');
});

test('a server stopped in order and started on other ports leads with the same data', async () => {
  const before = await startConsul({ dir, region: 'east' });
  await put(before, 'kept', 'value');
  await before.stop();
  await using after = await startConsul({ dir, region: 'east' });
  expect(after.url).not.toBe(before.url);
  expect(await get(after, 'kv/kept?raw')).toBe('value');
  expect(await put(after, 'more', 'value')).toBe(true);
});

// Both at once, as `npm start` does it: neither is there first for the other to join.
async function startBoth(): Promise<[ConsulServer, ConsulServer]> {
  const p = await freePorts(8);
  const ports = (from: number) => {
    const [http = 0, server = 0, serfLan = 0, serfWan = 0] = p.slice(from, from + 4);
    return { http, server, serfLan, serfWan };
  };
  return Promise.all([
    startConsul({
      dir: join(dir, 'east'),
      region: 'east',
      ports: ports(0),
      join: [`127.0.0.1:${ports(4).serfWan}`],
    }),
    startConsul({
      dir: join(dir, 'west'),
      region: 'west',
      ports: ports(4),
      join: [`127.0.0.1:${ports(0).serfWan}`],
    }),
  ]);
}
