// Brings a topology to life on this machine: servers first, then the services, all under one supervisor. `npm start` keeps one
// running; drills start their own on free ports.
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { helperThreads } from '../../services/mesh/helper-threads.js';
import { oldSpaceFloor } from '../../services/mesh/old-space-floor.js';
import { prepareBusKeys } from './bus-keys.js';
import type { ProcessSpec } from './child.js';
import { consulSpec, waitForRegions } from './consul.js';
import { type ConsulAccess, grantTokens, prepareConsulTokens, waitForToken } from './consul-tokens.js';
import { prepareKeys } from './keys.js';
import { type BusAccess, natsSpec, waitForLeafLinks } from './nats.js';
import { root } from './root.mjs';
import { requireServer } from './servers.mjs';
import { Supervisor } from './supervisor.js';
import type { RegionPlan, ServicePlan, Topology } from './topology.js';

// A first start on a busy machine compiles nothing, but loads Nest five times over.
const SERVICE_READY_WITHIN_MS = 30_000;

export class LocalMesh implements AsyncDisposable {
  readonly supervisor: Supervisor;

  constructor(
    readonly topology: Topology,
    onChange?: () => void,
  ) {
    this.supervisor = new Supervisor({ logs: topology.logs, ...(onChange && { onChange }) });
  }

  /** Returns when every process is ready and the regions see each other. Fails with what the first failing process said. */
  async boot(): Promise<void> {
    const { regions, services, dir, linkPort, development, observer } = this.topology;
    await mkdir(dir, { recursive: true });
    const [nats, consul, keys] = await Promise.all([
      requireServer('nats'),
      requireServer('consul'),
      prepareKeys(this.topology.keys),
    ]);
    const names = regions.map(({ name }) => name);
    const access = development ? undefined : await prepareBusKeys(this.topology.keys, names, { observer });
    const tokens = development ? undefined : await prepareConsulTokens(this.topology.keys, names);
    const [home, others] = [
      regions.filter((region) => region.home),
      regions.filter((region) => !region.home),
    ];
    const startNats = async (group: readonly RegionPlan[]): Promise<void> =>
      this.supervisor.start(group.map((region) => natsOf(region, nats, linkPort, access)));

    // Consul takes a second or two to elect itself. Services may start meanwhile: registering asks the agent alone, and
    // whoever wants a lease waits for a leader anyway.
    const consuls = this.supervisor
      .start(regions.map((region) => consulOf(region, consul, regions, keys.gossip, tokens)))
      .then(() => tokens && grantTokens(home[0]?.consulUrl ?? '', tokens, names));
    const rest = async (): Promise<void> => {
      // The home first: a leaf that finds nobody tries again only after a second.
      await startNats(home);
      await startNats(others);
      await Promise.all(others.map((region) => waitForLeafLinks(monitor(region), 1)));
      await this.supervisor.start(services.map(serviceOf));
    };
    await Promise.all([consuls, rest()]);
    const looking = tokens?.secrets['operator'];
    await Promise.all(
      regions.map(async ({ consulUrl }) => {
        if (looking !== undefined) await waitForToken(consulUrl, looking);
        await waitForRegions(consulUrl, regions.length, looking);
      }),
    );
  }

  async stop(): Promise<void> {
    await this.supervisor.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function natsOf(
  region: RegionPlan,
  binary: string,
  linkPort: number,
  access: BusAccess | undefined,
): ProcessSpec {
  const { nats: client, natsLeaf: leaf, natsMonitor } = region.ports;
  return natsSpec(binary, {
    dir: region.natsDir,
    region: region.name,
    ...(access && { access }),
    ports: { client, leaf, monitor: natsMonitor },
    ...(region.home && { linkPort }),
    ...(!region.home && { home: `nats-leaf://127.0.0.1:${linkPort}` }),
  });
}

function monitor(region: RegionPlan): string {
  return `http://127.0.0.1:${region.ports.natsMonitor}`;
}

function consulOf(
  region: RegionPlan,
  binary: string,
  regions: readonly RegionPlan[],
  gossip: string,
  tokens: ConsulAccess | undefined,
): ProcessSpec {
  const acl = tokens?.configs[region.name];
  const { consul: http, consulServer: server, serfLan, serfWan } = region.ports;
  return consulSpec(binary, {
    dir: region.consulDir,
    region: region.name,
    ports: { http, server, serfLan, serfWan },
    join: regions.filter((other) => other !== region).map((other) => `127.0.0.1:${other.ports.serfWan}`),
    gossip,
    ...(acl !== undefined && { acl }),
  });
}

/** Node's young generation grows to 48 MiB while a process starts; those that no request passes through do without. */
const SMALL_YOUNG = '--max-semi-space-size=4';
const AWAY_FROM_REQUESTS: ReadonlySet<string> = new Set([
  'control',
  'shard',
  'registry',
  'trainer',
  'compressor',
  'auditor',
  'autoscaler',
]);
const WHERE_BODIES_PASS = [oldSpaceFloor(96), '--max-semi-space-size=8'];

/**
 * Two pools of glibc instead of one for each thread, and blocks of a megabyte and more as mappings of their own: what models, their runs and bodies
 * leave goes back to the system instead of lying between what stays.
 */
const MEMORY = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576' };

function serviceOf(plan: ServicePlan): ProcessSpec {
  return {
    name: plan.name,
    kind: plan.kind,
    command: process.execPath,
    args: [
      helperThreads(),
      ...(AWAY_FROM_REQUESTS.has(plan.kind) ? [SMALL_YOUNG] : WHERE_BODIES_PASS),
      resolve(root, plan.entry),
    ],
    env: { ...MEMORY, ...plan.env },
    ready: 'message',
    readyWithinMs: SERVICE_READY_WITHIN_MS,
  };
}
