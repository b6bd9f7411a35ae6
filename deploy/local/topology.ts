// What `npm start` runs: regions with their servers, and which service processes with which environment. A pure description;
// local-mesh.ts brings it to life, drills ask for other shapes.
import { join } from 'node:path';
import type { BusUser } from '../../contracts/bus-users.js';
import { busKeyPath } from './bus-keys.js';
import { consulTokenPath } from './consul-tokens.js';
import { type RegionPorts, regionPorts } from './ports.js';

export interface TopologyOptions {
  /** The first is the home. */
  readonly regions?: readonly string[];
  readonly base: number;
  /** Everything the mesh writes: data, logs, keys. */
  readonly dir: string;
  readonly shardsPerRegion?: number;
  /** More shard hosts that the autoscaler may start in the home region, and how long it keeps those that nobody needs. */
  readonly pool?: { readonly processes: number; readonly lingerMs: number };
  /** More variables of the autoscaler's process, for other pools. */
  readonly poolEnv?: Readonly<Record<string, string>>;
  /** The port at which other regions reach the home's NATS server, where that is not its own: a line that a drill can cut. */
  readonly linkPort?: number;
  /** On loopback alone: nobody shows who he is, and everybody may do everything. Else every process shows a key and a token of its own. */
  readonly development?: boolean;
  /** The REST and gRPC doors ask nobody for a key: for drills and benchmarks of what is behind them. */
  readonly openDoors?: boolean;
  /** A test may watch what is said on the bus: the key of a user that hears everything is made too. */
  readonly observer?: boolean;
  /** More variables of a process, by its name. */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Every service as a process of its own instead of one control and one edge process. */
  readonly apart?: boolean;
}

export interface RegionPlan {
  readonly name: string;
  readonly home: boolean;
  readonly ports: RegionPorts;
  readonly restUrl: string;
  /** Host and port, as gRPC clients take it. */
  readonly grpcTarget: string;
  readonly natsUrl: string;
  readonly consulUrl: string;
  readonly natsDir: string;
  readonly consulDir: string;
}

export interface ServicePlan {
  readonly name: string;
  readonly kind: string;
  /** The compiled main, seen from the checkout. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Topology {
  readonly dir: string;
  readonly keys: string;
  readonly logs: string;
  readonly regions: readonly RegionPlan[];
  readonly services: readonly ServicePlan[];
  /** Where other regions reach the home's NATS server. */
  readonly linkPort: number;
  readonly development: boolean;
  readonly observer: boolean;
}

export const REGIONS = ['east', 'west'];

export function planMesh(options: TopologyOptions): Topology {
  const { dir, base, regions: names = REGIONS } = options;
  const regions = names.map((name, index) => planRegion(name, index, base, dir));
  const env = (region: RegionPlan, kind: BusUser, name: string): Record<string, string> => ({
    MASSIF_REGION: region.name,
    MASSIF_HOME_REGION: names[0] ?? '',
    MASSIF_REGIONS: names.join(','),
    MASSIF_NATS_URL: region.natsUrl,
    MASSIF_CONSUL_URL: region.consulUrl,
    ...(!options.development && {
      MASSIF_NATS_KEY: busKeyPath(join(dir, 'keys'), kind),
      MASSIF_CONSUL_TOKEN: consulTokenPath(join(dir, 'keys'), kind),
    }),
    MASSIF_AUTH: options.development || (options.openDoors && kindHasDoors(kind)) ? 'development' : 'keys',
    MASSIF_NAME: name,
    MASSIF_DATA: join(dir, 'data', name),
    MASSIF_KEYS: join(dir, 'keys'),
  });
  const service = (kind: BusUser, entry: string, region: RegionPlan, name: string): ServicePlan => {
    const { rest, grpc } = region.ports;
    const doors = kindHasDoors(kind)
      ? { MASSIF_REST_PORT: String(rest), MASSIF_GRPC_PORT: String(grpc) }
      : {};
    const scales = kind === 'control' || kind === 'autoscaler';
    const pool: Record<string, string> =
      options.pool && scales
        ? {
            MASSIF_POOL_PROCESSES: String(options.pool.processes),
            MASSIF_POOL_LINGER_MS: String(options.pool.lingerMs),
          }
        : {};
    return {
      name,
      kind,
      entry,
      env: {
        ...env(region, kind, name),
        ...doors,
        ...pool,
        ...(scales && options.poolEnv),
        ...options.env?.[name],
      },
    };
  };
  const control = (region: RegionPlan): ServicePlan[] =>
    options.apart
      ? (['registry', 'trainer', 'compressor', 'auditor', 'autoscaler'] as const).map((kind) =>
          service(kind, `dist/services/${kind}/main.js`, region, kind),
        )
      : [service('control', 'dist/deploy/local/control.js', region, 'control')];
  const edges = (region: RegionPlan): ServicePlan[] =>
    options.apart
      ? (['router', 'gateway'] as const).map((kind) =>
          service(kind, `dist/services/${kind}/main.js`, region, `${kind}-${region.name}`),
        )
      : [service('edge', 'dist/deploy/local/edge.js', region, `edge-${region.name}`)];
  const shards = (region: RegionPlan): ServicePlan[] =>
    Array.from({ length: options.shardsPerRegion ?? 1 }, (_, index) =>
      service('shard', 'dist/services/shard/main.js', region, `shard-${region.name}-${index + 1}`),
    );
  return {
    dir,
    linkPort: options.linkPort ?? regions[0]?.ports.natsLeaf ?? 0,
    development: options.development === true,
    observer: options.observer === true,
    keys: join(dir, 'keys'),
    logs: join(dir, 'logs'),
    regions,
    services: [
      ...regions.filter((region) => region.home).flatMap(control),
      ...regions.flatMap(edges),
      ...regions.flatMap(shards),
    ],
  };
}

const kindHasDoors = (kind: BusUser): boolean => kind === 'edge' || kind === 'gateway';

function planRegion(name: string, index: number, base: number, dir: string): RegionPlan {
  const ports = regionPorts(base, index);
  return {
    name,
    home: index === 0,
    ports,
    restUrl: `http://127.0.0.1:${ports.rest}`,
    grpcTarget: `127.0.0.1:${ports.grpc}`,
    natsUrl: `nats://127.0.0.1:${ports.nats}`,
    consulUrl: `http://127.0.0.1:${ports.consul}`,
    natsDir: join(dir, 'data', name, 'nats'),
    consulDir: join(dir, 'data', name, 'consul'),
  };
}
