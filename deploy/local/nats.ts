// Starts one region's NATS server, the real one, with deploy/nats/region.conf. Used by `npm start`, the chaos harness and the
// tests of the mesh: `await using nats = await startNats({ dir, region: 'east' })`.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessSpec } from './child.js';
import { root } from './root.mjs';
import { onFreePorts, Server } from './server.js';
import { requireServer } from './servers.mjs';

export interface NatsPorts {
  readonly client: number;
  readonly leaf: number;
  readonly monitor: number;
}

export interface NatsOptions {
  /** Its data and log live here, and a later start on the same folder finds them. */
  readonly dir: string;
  readonly region: string;
  /** Free ones when not given. */
  readonly ports?: NatsPorts;
  /** The leaf URL of the home region's server. Without it this server is the home and listens for the others. */
  readonly home?: string;
  /** Of a home: the port on loopback that others reach it by, where that is not its leaf port. */
  readonly linkPort?: number;
  /** With a home: return only once the leaf link is up. True when not given. */
  readonly awaitHome?: boolean;
  /** Who may connect; without it everybody may do everything, which is for tests on loopback. */
  readonly access?: BusAccess;
}

/** What all regions' servers have in common. */
export const REGION_CONF = join(root, 'deploy', 'nats', 'region.conf');

/**
 * From here on Go collects garbage at once: without it the server took 0.9 GB while artifacts of 256 MB streamed through its object store,
 * twice what lives in it and more, since it grows before it collects.
 */
const MEMORY_LIMIT = '128MiB';
const LINK_USER = 'region';
const READY_WITHIN_MS = 10_000;
const LINK_WITHIN_MS = 10_000;

export interface BusAccess {
  /** The configuration to start with: the region's, and its users with their permissions. */
  readonly config: string;
  /** What regions show each other. */
  readonly linkPassword: string;
}

export class NatsServer extends Server {
  readonly url: string;
  /** What other regions connect to. */
  readonly leafUrl: string;
  readonly monitorUrl: string;

  constructor(
    spec: ProcessSpec,
    log: string,
    readonly ports: NatsPorts,
  ) {
    super(spec, log);
    this.url = `nats://127.0.0.1:${ports.client}`;
    this.leafUrl = `nats-leaf://127.0.0.1:${ports.leaf}`;
    this.monitorUrl = `http://127.0.0.1:${ports.monitor}`;
  }

  /** Waits until `count` leaf links are up. */
  async linked(count = 1): Promise<void> {
    await waitForLeafLinks(this.monitorUrl, count);
  }
}

/** The process of one region's NATS server. */
export function natsSpec(binary: string, options: NatsOptions & { readonly ports: NatsPorts }): ProcessSpec {
  const { dir, region, ports, home, linkPort, access } = options;
  return {
    name: `nats-${region}`,
    kind: 'nats',
    command: binary,
    args: ['-c', access?.config ?? REGION_CONF],
    // The server reads each value as if it stood in its file, hence the quotes.
    env: {
      GOMEMLIMIT: MEMORY_LIMIT,
      MASSIF_NATS_NAME: quote(region),
      MASSIF_NATS_LISTEN: quote(`127.0.0.1:${ports.client}`),
      MASSIF_NATS_MONITOR: quote(`127.0.0.1:${ports.monitor}`),
      MASSIF_NATS_DOMAIN: quote(region),
      MASSIF_NATS_STORE: quote(dir),
      MASSIF_NATS_LEAF_HOST: quote('127.0.0.1'),
      MASSIF_NATS_LEAF_PORT: String(home === undefined ? ports.leaf : 0),
      MASSIF_NATS_LEAF_ADVERTISE: quote(linkPort === undefined ? '' : `127.0.0.1:${linkPort}`),
      MASSIF_NATS_LEAF_REMOTES: home === undefined ? '[]' : `[{ url: ${quote(linkUrl(home, access))} }]`,
      MASSIF_NATS_LEAF_USERS: access
        ? `[{ user: ${quote(LINK_USER)}, password: ${quote(access.linkPassword)} }]`
        : '[]',
    },
    // Its own words rather than its port: on a taken port somebody else would answer.
    ready: (output) => output.includes('Server is ready'),
    readyWithinMs: READY_WITHIN_MS,
  };
}

export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const binary = await requireServer('nats');
  const log = join(options.dir, 'nats.log');
  const start = (ports: NatsPorts): NatsServer =>
    new NatsServer(natsSpec(binary, { ...options, ports }), log, ports);
  const server =
    options.ports === undefined
      ? await onFreePorts(3, ([client = 0, leaf = 0, monitor = 0]) => start({ client, leaf, monitor }))
      : start(options.ports);
  try {
    await server.ready();
    if (options.home !== undefined && options.awaitHome !== false) await server.linked();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Waits until a server's monitoring port counts at least `count` leaf links. */
export async function waitForLeafLinks(monitorUrl: string, count: number): Promise<void> {
  const signal = AbortSignal.timeout(LINK_WITHIN_MS);
  for (;;) {
    const seen = await leafLinks(monitorUrl, signal);
    if (seen >= count) return;
    if (signal.aborted)
      throw new Error(`${monitorUrl} has ${seen} leaf links after ${LINK_WITHIN_MS} ms, not ${count}`);
    await sleep(20);
  }
}

async function leafLinks(monitorUrl: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await fetch(`${monitorUrl}/leafz`, { signal });
    const body = (await answer.json()) as { leafnodes?: number };
    return body.leafnodes ?? 0;
  } catch {
    return 0;
  }
}

function linkUrl(home: string, access: BusAccess | undefined): string {
  return access ? home.replace('://', `://${LINK_USER}:${access.linkPassword}@`) : home;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
