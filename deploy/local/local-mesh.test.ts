import { connect } from '@nats-io/transport-node';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BusUser } from '../../contracts/bus-users.js';
import { connectAs } from '../../services/mesh/bus-key.js';
import { oldSpaceFloor } from '../../services/mesh/old-space-floor.js';
import { busKeyPath } from './bus-keys.js';
import { consulTokenPath } from './consul-tokens.js';
import { freePorts } from './free-ports.js';
import { LocalMesh } from './local-mesh.js';
import { freeBlock } from './ports.js';
import { planMesh, type Topology } from './topology.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mesh-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** The real servers of two regions, and a small program in the place of each service. */
async function plan(): Promise<Topology> {
  const entry = join(dir, 'service.mjs');
  await writeFile(
    entry,
    `process.send({ type: 'ready' }); process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);`,
  );
  const [near = 0] = await freePorts(1);
  const topology = planMesh({ dir, base: await freeBlock(near, 2) });
  return { ...topology, services: topology.services.map((service) => ({ ...service, entry })) };
}

test('a mesh that lost a server, a region and a service by force is whole again', async () => {
  const topology = await plan();
  await using mesh = new LocalMesh(topology);
  await mesh.boot();
  const names = mesh.supervisor.list().map((process) => process.name);
  expect(names).toEqual(
    expect.arrayContaining(['nats-east', 'consul-west', 'control', 'edge-east', 'shard-west-1']),
  );
  const flagsOf = async (name: string): Promise<string> =>
    readFile(`/proc/${mesh.supervisor.process(name).pid}/cmdline`, 'utf8');
  expect(await flagsOf('edge-east')).toContain(oldSpaceFloor(96));
  expect(await flagsOf('control')).not.toContain('--initial-old-space-size');

  for (const name of ['nats-east', 'nats-west', 'consul-west', 'shard-east-1']) {
    const lost = mesh.supervisor.process(name);
    lost.signal('SIGKILL');
    await lost.reaches('backoff');
  }
  for (const name of names) await mesh.supervisor.process(name).reaches('ready');
  expect(
    mesh.supervisor
      .list()
      .map((process) => process.restarts)
      .reduce((sum, n) => sum + n),
  ).toBe(4);

  const [east, west] = topology.regions;
  const as = (user: BusUser) => connectAs(busKeyPath(topology.keys, user));
  const there = await connect({
    ...as('autoscaler'),
    servers: east?.natsUrl ?? '',
    maxReconnectAttempts: -1,
  });
  const here = await connect({ ...as('operator'), servers: west?.natsUrl ?? '' });
  there.subscribe('metrics.alive', { callback: (_, message) => void message.respond('yes') });
  await there.flush();
  await expect
    .poll(
      async () =>
        here.request('metrics.alive').then(
          (reply) => reply.string(),
          () => 'nobody',
        ),
      { timeout: 10_000 },
    )
    .toBe('yes');
  await Promise.all([here.close(), there.close()]);
});

test('two meshes that swap their ports stay apart', async () => {
  const [near = 0] = await freePorts(1);
  const base = await freeBlock(near, 2);
  const only = (topology: Topology): Topology => ({ ...topology, services: [] });
  const first = new LocalMesh(only(planMesh({ dir: join(dir, 'first'), base })));
  await first.boot();
  await first.stop();

  // The second takes the ports on which the first one's Consuls still believe to know each other.
  await using second = new LocalMesh(only(planMesh({ dir: join(dir, 'second'), base })));
  await second.boot();
  const moved = planMesh({ dir: join(dir, 'first'), base: await freeBlock(base + 20, 2) });
  await using again = new LocalMesh(only(moved));
  await again.boot();

  for (const topology of [moved, second.topology]) {
    const own = topology.regions.map((region) => region.ports.serfWan);
    for (const { consulUrl } of topology.regions) {
      const token = await readFile(consulTokenPath(topology.keys, 'operator'), 'utf8');
      const headers = { 'x-consul-token': token };
      const answer = await fetch(`${consulUrl}/v1/agent/members?wan=1`, { headers });
      const members = (await answer.json()) as { Port: number }[];
      expect(members.map((member) => member.Port).toSorted((a, b) => a - b)).toEqual(own);
    }
  }
});
