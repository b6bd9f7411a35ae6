// A false shard in a running mesh: a process with somebody's key announces a replica of a version that is served, or sits down at the
// subject of a replica that there is. It got through when a router considers it, or when a request comes to it. Each class has a control
// with the key that may (a shard's, an engine's), which does get through: so the refusal is the work of the key alone.
import { AuthorizationError, connect, type NatsConnection } from '@nats-io/transport-node';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MassifClient } from '../../client/mod.js';
import type { BusUser } from '../../contracts/bus-users.js';
import { HEARTBEAT_MS, type Heartbeat } from '../../contracts/heartbeat.js';
import { replicaId } from '../../contracts/names.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { connectAs } from '../../services/mesh/bus-key.js';
import type { BusResult, Thief } from './bus.js';
import { type DrillMesh, eventually } from '../harness.js';

const FALSE_SHARD = 'shard-false-1';
/** Beats until every router has heard it, were it let through. */
const BEATS = 4;
const REQUESTS = 24;
/** Beyond what Linux gives to a process: the harness waits for the end of every process that a heartbeat names. */
const NOBODY = 4_194_305;
/** It looks like the best there is: nothing to do, and quick. */
const TEMPTING = {
  inFlight: 0,
  capacity: 1_000,
  latencyMs: 0.01,
  batchMax: 1,
  served: 0,
  failed: 0,
  epoch: 1,
};

export interface FalseShardParts {
  readonly mesh: DrillMesh;
  readonly endpoint: string;
  /** One request through a router and one without; what becomes of it does not matter here. */
  readonly ask: (client: MassifClient) => Promise<unknown>;
}

interface Way {
  readonly name: string;
  readonly by: readonly Thief[];
  readonly control: BusUser;
  readonly reaches: (nc: NatsConnection, parts: FalseShardParts) => Promise<boolean>;
}

const WAYS: readonly Way[] = [
  {
    name: 'a false shard announces a replica',
    by: [
      'stranger',
      'application',
      'client',
      'operator',
      'router',
      'gateway',
      'engine',
      'control',
      'trainer',
    ],
    control: 'shard',
    reaches: announces,
  },
  {
    name: 'a false shard answers for a replica that there is',
    by: ['stranger', 'application', 'client', 'operator', 'router', 'gateway', 'shard', 'control', 'trainer'],
    control: 'engine',
    reaches: sitsDown,
  },
];

/** On a mesh that asks nobody who he is: what a key alone keeps out gets through. */
export async function passWithoutKeys(parts: FalseShardParts): Promise<ReadonlySet<string>> {
  const passed = new Set<string>();
  for (const { name, reaches } of WAYS) if (await asUser(parts, 'stranger', reaches)) passed.add(name);
  return passed;
}

export async function attackAsShard(parts: FalseShardParts): Promise<BusResult[]> {
  const results: BusResult[] = [];
  for (const { name, by, control, reaches } of WAYS) {
    const through: string[] = [];
    for (const thief of by) if (await asUser(parts, thief, reaches)) through.push(thief);
    const controlThrough = await asUser(parts, control, reaches);
    results.push({ name, attempts: by.length, through, controlThrough });
  }
  return results;
}

async function asUser(parts: FalseShardParts, user: Thief, reaches: Way['reaches']): Promise<boolean> {
  const key = user === 'stranger' ? undefined : parts.mesh.key(user);
  const servers = parts.mesh.natsUrls[0] ?? '';
  const nc = await connect({ ...connectAs(key), servers, reconnect: false }).catch((error: unknown) => {
    if (error instanceof AuthorizationError) return undefined;
    throw error;
  });
  if (!nc) return false;
  try {
    return await reaches(nc, parts);
  } finally {
    await nc.close();
  }
}

async function announces(nc: NatsConnection, { mesh, endpoint }: FalseShardParts): Promise<boolean> {
  const region = mesh.regions[0]?.name ?? '';
  const [real] = mesh
    .heard()
    .flatMap(({ replicas }) => replicas)
    .filter(({ model, state }) => model === endpoint && state === 'ready');
  if (!real) throw new Error(`${endpoint} has no ready replica`);
  await using client = await mesh.client({ mode: 'routed' });
  const id = replicaId(FALSE_SHARD, real.version);
  for (let seq = 1; seq <= BEATS; seq++) {
    const beat: Heartbeat = {
      shard: FALSE_SHARD,
      region,
      pid: NOBODY,
      seq: Date.now(),
      state: 'ready',
      device: { kind: 'cpu', cores: 1, memoryBytes: 1 },
      engines: [],
      replicas: [{ ...TEMPTING, id, model: endpoint, version: real.version, state: 'ready' }],
    };
    nc.publish(subjects.heartbeat(region, FALSE_SHARD), JSON.stringify(beat));
    await nc.flush();
    const { candidates } = await eventually('a router explains', () => client.explain(endpoint));
    if (candidates.some(({ shard }) => shard === FALSE_SHARD)) return true;
    await sleep(HEARTBEAT_MS / BEATS);
  }
  return false;
}

/** Among those who listen in a queue group each gets his share. */
async function sitsDown(nc: NatsConnection, { mesh, endpoint, ask }: FalseShardParts): Promise<boolean> {
  const replicas = mesh
    .heard()
    .flatMap((beat) => beat.replicas)
    .filter(({ model, state }) => model === endpoint && state === 'ready');
  let heard = 0;
  const callback = (error: Error | null): void => void (error ?? heard++);
  for (const { id } of replicas) {
    nc.subscribe(subjects.run(id), { queue: queues.replica, callback });
    nc.subscribe(subjects.run(id), { callback });
  }
  await nc.flush();
  await using direct = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  for (let n = 0; n < REQUESTS && heard === 0; n++)
    await ask(n % 2 === 0 ? direct : routed).catch(() => undefined);
  await nc.flush();
  return heard > 0;
}
