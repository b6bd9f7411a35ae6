// Endpoints that name a placement policy: from live shards and observed demand to the replicas that each region is to hold. Pure; the
// placer keeps the plans and asks again every while.
import {
  deviceClassOf,
  type PlacementEndpoint,
  type PlacementPlan,
  type PlacementPolicy,
  type PlacementProblem,
} from '../../contracts/placement.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { MEMORY_PER_BYTE } from '../mesh/placement/setting.js';
import type { ShardView, SizeOf } from './holding.js';
import type { Placements } from './place.js';

export interface PolicyInputs {
  readonly endpoints: readonly EndpointRecord[];
  readonly shards: readonly ShardView[];
  readonly current: Placements;
  readonly sizeOf: SizeOf;
  readonly ratePerS: (endpoint: string, region: string) => number;
  /** The shares that the plan before gave. */
  readonly shares: (endpoint: string) => PlacementPlan['endpoints'][number]['shares'] | undefined;
}

// What a request costs before one was measured.
const SERVICE_MS = 10;
/** Where a shard does not say how much it has. */
const MEMORY_BYTES = 2 ** 34;

/** All endpoints of one policy; undefined when there are none, or nothing to place them on. */
export function problemFor(policy: PlacementPolicy, inputs: PolicyInputs): PlacementProblem | undefined {
  const endpoints = inputs.endpoints.filter(({ placement }) => placement?.policy === policy);
  const open = inputs.shards.filter(({ state }) => state === 'open');
  if (endpoints.length === 0 || open.length === 0) return undefined;
  const regions = [...new Set(open.map(({ region }) => region))];
  const holds = ({ id }: ShardView): string[] => {
    const held = new Set((inputs.current.get(id) ?? []).map(({ version }) => version));
    return endpoints
      .filter(({ variants }) => variants.some(({ version }) => held.has(version)))
      .map(({ name }) => name);
  };
  return {
    shards: open.map((shard) => ({
      ...{ id: shard.id, region: shard.region, device: shard.device ?? 'cpu', speed: 1, pricePerHour: 1 },
      memoryBytes: shard.memoryBytes ?? MEMORY_BYTES,
      holds: holds(shard),
    })),
    links: [],
    endpoints: endpoints.map((endpoint) => endpointOf(endpoint, regions, open, inputs)),
  };
}

function endpointOf(
  endpoint: EndpointRecord,
  regions: readonly string[],
  open: readonly ShardView[],
  { sizeOf, ratePerS, shares }: PolicyInputs,
): PlacementEndpoint {
  const { name, variants, placement } = endpoint;
  const versions = [...new Set(variants.map(({ version }) => version))];
  const bytes = versions.reduce((sum, version) => sum + (sizeOf(version) ?? 0), 0);
  const measured = open.flatMap(({ itemMs }) => versions.flatMap((version) => itemMs?.get(version) ?? []));
  const serviceMs = measured.length > 0 ? Math.max(...measured) : SERVICE_MS;
  const devices = [...new Set(open.map(({ device }) => deviceClassOf(device ?? 'cpu')))];
  const before = shares(name);
  return {
    name,
    policy: placement?.policy ?? 'proportional',
    memoryBytes: Math.max(1, bytes * MEMORY_PER_BYTE),
    runs: Object.fromEntries(devices.map((device) => [device, { serviceMs, ratePerS: 1_000 / serviceMs }])),
    bytesPerRequest: 0,
    spread: placement?.spread ?? { over: 'region', domains: 1, survives: 0 },
    groups: regions.map((region) => ({
      ...{ name: region, home: region, ratePerS: ratePerS(name, region) },
      ...(placement?.regions && { regions: placement.regions }),
      ...(before?.[region] && { now: before[region] }),
    })),
  };
}

export type RegionReplicas = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Of every endpoint that was placed, the replicas by region. */
export function regionReplicas(plan: PlacementPlan, regionOf: (shard: string) => string): RegionReplicas {
  return new Map(
    plan.endpoints.map(({ name, shards }) => {
      const counts = new Map<string, number>();
      for (const shard of shards) counts.set(regionOf(shard), (counts.get(regionOf(shard)) ?? 0) + 1);
      return [name, counts];
    }),
  );
}

/**
 * First the new replicas, then away with the old ones: as long as some region has fewer ready than planned, none has fewer than it
 * holds now.
 */
export function replicasNow(
  endpoint: EndpointRecord,
  region: string,
  planned: ReadonlyMap<string, number>,
  shards: readonly ShardView[],
  current: Placements,
): number {
  const wanted = planned.get(region) ?? 0;
  const versions = endpoint.variants.filter(({ weight }) => weight > 0).map(({ version }) => version);
  const ready = (where: string): number =>
    Math.min(
      ...versions.map(
        (version) =>
          shards.filter((one) => one.state === 'open' && one.region === where && one.ready.has(version))
            .length,
      ),
    );
  const growing = [...planned].some(([where, count]) => ready(where) < count);
  if (!growing) return wanted;
  const held = shards.filter(
    (one) =>
      one.state === 'open' &&
      one.region === region &&
      (current.get(one.id) ?? []).some(({ version }) => versions.includes(version)),
  ).length;
  return Math.max(wanted, held);
}
