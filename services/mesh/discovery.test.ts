import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ConsulServer, startConsul } from '../../deploy/local/consul.js';
import { systemClock } from './clock.js';
import { ConsulAgent } from './consul-agent.js';
import { ConsulDiscovery, nextIndex, type ServiceInstance } from './discovery.js';
import { silentLog } from './log.js';
import { waitUntil } from './testing/wait-until.js';

// A dead process is critical after its TTL of three seconds; Consul tells within another.
const CRITICAL_WITHIN_MS = 10_000;

let dir: string;
let east: ConsulServer;
let west: ConsulServer;
const opened: { close(): Promise<void> | void }[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-discovery-'));
  east = await startConsul({ dir: join(dir, 'east'), region: 'east' });
  west = await startConsul({ dir: join(dir, 'west'), region: 'west', join: [east.wanAddress] });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await Promise.all([east.stop(), west.stop()]);
  await rm(dir, { recursive: true, force: true });
});

function discovery(consul: ConsulServer): ConsulDiscovery {
  const made = new ConsulDiscovery({
    agent: new ConsulAgent(consul.url),
    clock: systemClock,
    log: silentLog,
  });
  opened.push(made);
  return made;
}

/** The instances of a service as a watcher sees them, with every list it was given. */
function watch(from: ConsulDiscovery, service: string, regions: string[]) {
  const lists: (readonly ServiceInstance[])[] = [];
  from.watchEverywhere(service, regions, (instances) => lists.push(instances), new AbortController().signal);
  const alive = () => (lists.at(-1) ?? []).filter((one) => one.passing).map((one) => one.id);
  return { lists, alive };
}

test('a service is seen with what it said of itself, and is gone once it deregistered', async () => {
  const [shard, router] = [discovery(east), discovery(east)];
  await shard.register({
    id: 'shard-1.shard',
    service: 'shard',
    tags: ['cpu'],
    meta: { instance: 'shard-1' },
  });
  const { lists, alive } = watch(router, 'shard', ['east']);
  await waitUntil('the router sees it', () => alive().length === 1);
  expect(lists.at(-1)).toEqual([
    {
      id: 'shard-1.shard',
      service: 'shard',
      region: 'east',
      tags: ['cpu'],
      meta: { instance: 'shard-1' },
      passing: true,
    },
  ]);
  await shard.deregister('shard-1.shard');
  await waitUntil('it is gone', () => lists.at(-1)?.length === 0);
});

test('a process that ends without a word stops being alive', async () => {
  const [dying, router] = [discovery(east), discovery(east)];
  const agent = new ConsulAgent(east.url);
  // Registered, and then nobody says that all is well.
  await agent.registerService({ id: 'dies', service: 'dying', tags: [], meta: {}, ttlMs: 1_000 });
  const { lists } = watch(router, 'dying', ['east']);
  await waitUntil('it was alive', () => lists.at(-1)?.[0]?.passing === true);
  await waitUntil('it is not', () => lists.at(-1)?.[0]?.passing === false, CRITICAL_WITHIN_MS);
  await dying.deregister('dies');
  agent.close();
});

test('services of all regions come in one list, and a region out of reach keeps its last', async () => {
  const [here, there, router] = [discovery(east), discovery(west), discovery(east)];
  await here.register({ id: 'a', service: 'both', meta: {} });
  await there.register({ id: 'b', service: 'both', meta: {} });
  const { lists, alive } = watch(router, 'both', ['east', 'west']);
  await waitUntil('both are seen', () => alive().length === 2);
  expect(lists.at(-1)?.map((one) => `${one.id} in ${one.region}`)).toEqual(['a in east', 'b in west']);

  await west.kill('SIGKILL');
  await here.register({ id: 'c', service: 'both', meta: {} });
  await waitUntil('the near one is seen', () => alive().includes('c'));
  expect(alive()).toContain('b');
  await west.restart();
  await waitUntil('the far one is seen again', () => alive().includes('b'), 20_000);
  await there.register({ id: 'd', service: 'both', meta: {} });
  await waitUntil('and so is the next', () => alive().includes('d'), 20_000);
}, 60_000);

test('a Consul that is killed and comes back costs nobody their place, and no list is emptied meanwhile', async () => {
  const [shard, router] = [discovery(east), discovery(east)];
  await shard.register({ id: 'kept', service: 'kept', meta: {} });
  const { lists, alive } = watch(router, 'kept', ['east']);
  await waitUntil('it is seen', () => alive().length === 1);

  await east.kill('SIGKILL');
  await east.restart();
  await shard.register({ id: 'new', service: 'kept', meta: {} });

  await waitUntil('both are alive', () => alive().length === 2, 20_000);
  expect(lists.every((list) => list.length > 0)).toBe(true);
}, 60_000);

test('a Consul that comes back without its data hears of everybody again', async () => {
  await using third = await startConsul({ dir: join(dir, 'third'), region: 'north' });
  const [shard, router] = [discovery(third), discovery(third)];
  await shard.register({ id: 'back', service: 'back', meta: {} });
  const { alive } = watch(router, 'back', ['north']);
  await waitUntil('it is seen', () => alive().length === 1);
  await third.kill('SIGKILL');
  await rm(join(dir, 'third'), { recursive: true });
  await third.restart();
  const fresh = watch(discovery(third), 'back', ['north']);
  await waitUntil('the new Consul knows it', () => fresh.alive().length === 1, 20_000);
  await waitUntil('and the old watch does', () => alive().length === 1, 20_000);
}, 60_000);

test('while Consul is away registering comes to an end and nothing is thrown', async () => {
  await using away = await startConsul({ dir: join(dir, 'away'), region: 'south' });
  await away.kill('SIGKILL');
  const one = discovery(away);
  const { lists } = watch(one, 'late', ['south']);
  await one.register({ id: 'late', service: 'late', meta: {} });
  expect(lists).toEqual([]);
  await away.restart();
  await waitUntil('it is registered after all', () => lists.at(-1)?.length === 1, 20_000);
}, 60_000);

test('an index that goes backwards starts again at nought', () => {
  expect(nextIndex(7n, 9n)).toBe(9n);
  expect(nextIndex(7n, 7n)).toBe(7n);
  expect(nextIndex(9n, 7n)).toBe(0n);
  expect(nextIndex(0n, 0n)).toBe(1n);
});
