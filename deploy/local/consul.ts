// Starts one region's Consul server, the real one, with deploy/consul/agent.hcl. Used by `npm start`, the chaos harness and the
// tests of the mesh: `await using consul = await startConsul({ dir, region: 'east' })`.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { consulNode } from '../../contracts/presence.js';
import type { ProcessSpec } from './child.js';
import { root } from './root.mjs';
import { onFreePorts, Server } from './server.js';
import { requireServer } from './servers.mjs';

export interface ConsulPorts {
  readonly http: number;
  readonly server: number;
  readonly serfLan: number;
  readonly serfWan: number;
}

export interface ConsulOptions {
  /** Its data and log live here, and a later start on the same folder finds them. */
  readonly dir: string;
  /** Also the name of the datacenter. */
  readonly region: string;
  /** Free ones when not given. */
  readonly ports?: ConsulPorts;
  /** The WAN addresses (`127.0.0.1:7407`) of the other regions' servers. They may come up later: it keeps trying. */
  readonly join?: readonly string[];
  /** With `join`: return only once the other regions are members. True when not given. */
  readonly awaitJoin?: boolean;
  /**
   * A configuration file with a gossip key. Servers without the same key never join: a mesh that moved to other ports would
   * else look for its old peers on ports that now belong to another checkout's mesh.
   */
  readonly gossip?: string;
  /** A configuration file with the server's tokens (consul-tokens.ts); without it everybody may do everything. */
  readonly acl?: string;
}

const READY_WITHIN_MS = 15_000;
const JOIN_WITHIN_MS = 15_000;

export class ConsulServer extends Server {
  readonly url: string;
  /** What other regions join. */
  readonly wanAddress: string;

  constructor(
    spec: ProcessSpec,
    log: string,
    readonly ports: ConsulPorts,
  ) {
    super(spec, log);
    this.url = `http://127.0.0.1:${ports.http}`;
    this.wanAddress = `127.0.0.1:${ports.serfWan}`;
  }

  /** Waits until `regions` datacenters, this one included, are alive members. */
  async joined(regions: number): Promise<void> {
    await waitForRegions(this.url, regions);
  }
}

/** The process of one region's Consul server. */
export function consulSpec(
  binary: string,
  options: ConsulOptions & { readonly ports: ConsulPorts },
): ProcessSpec {
  const { dir, region, ports, join: peers = [], gossip, acl } = options;
  const flags: Record<string, string | number> = {
    'config-file': join(root, 'deploy', 'consul', 'agent.hcl'),
    'data-dir': dir,
    datacenter: region,
    node: consulNode(region),
    'http-port': ports.http,
    'server-port': ports.server,
    'serf-lan-port': ports.serfLan,
    'serf-wan-port': ports.serfWan,
  };
  return {
    name: `consul-${region}`,
    kind: 'consul',
    command: binary,
    args: [
      'agent',
      ...Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`),
      ...[gossip, acl].flatMap((file) => (file === undefined ? [] : [`-config-file=${file}`])),
      ...peers.map((peer) => `-retry-join-wan=${peer}`),
    ],
    // It idles, and its garbage may be collected twice as often.
    env: { GOGC: '50' },
    // It names its own address as the leader: on a taken port another server would answer, with another address. A consistent
    // read is refused until the leader has taken up all it knew before it started.
    ready: async () => {
      const url = `http://127.0.0.1:${ports.http}/v1`;
      const leader = await ask(`${url}/status/leader`);
      return (
        leader === `127.0.0.1:${ports.server}` && (await ask(`${url}/catalog/nodes?consistent`)) !== undefined
      );
    },
    readyWithinMs: READY_WITHIN_MS,
  };
}

export async function startConsul(options: ConsulOptions): Promise<ConsulServer> {
  const binary = await requireServer('consul');
  const log = join(options.dir, 'consul.log');
  const start = (ports: ConsulPorts): ConsulServer =>
    new ConsulServer(consulSpec(binary, { ...options, ports }), log, ports);
  const server =
    options.ports === undefined
      ? await onFreePorts(4, ([http = 0, serverPort = 0, serfLan = 0, serfWan = 0]) =>
          start({ http, server: serverPort, serfLan, serfWan }),
        )
      : start(options.ports);
  try {
    await server.ready();
    const peers = options.join?.length ?? 0;
    if (peers > 0 && options.awaitJoin !== false) await server.joined(peers + 1);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Waits until a server sees `regions` datacenters alive, its own included; it shows them to whoever has a token. */
export async function waitForRegions(url: string, regions: number, token?: string): Promise<void> {
  const signal = AbortSignal.timeout(JOIN_WITHIN_MS);
  for (;;) {
    const members = (await ask(`${url}/v1/agent/members?wan=1`, token)) as
      readonly { Status?: number }[] | undefined;
    // 1 is serf's number for alive.
    const seen = (members ?? []).filter((member) => member.Status === 1).length;
    if (seen >= regions) return;
    if (signal.aborted)
      throw new Error(`${url} sees ${seen} regions after ${JOIN_WITHIN_MS} ms, not ${regions}`);
    await sleep(50);
  }
}

async function ask(url: string, token?: string): Promise<unknown> {
  try {
    const headers: Record<string, string> = token === undefined ? {} : { 'x-consul-token': token };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(2_000) });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
}
