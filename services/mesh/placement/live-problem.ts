// The running mesh as a placement problem: live shards, endpoints and what is known of their demand. Pure, and one for both who ask: the
// placer, for the endpoints of each policy, and `massif place`, for all endpoints.
import {
  type DeviceClass,
  deviceClassOf,
  type InventoryShard,
  type Link,
  type PlacementEndpoint,
  type PlacementPlan,
  type PlacementProblem,
  type UserGroup,
} from '../../../contracts/placement.js';
import type { Digest } from '../../../contracts/names.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { pinnedTo, poolsOf } from './may-lie.js';
import { MEMORY_SHARE } from './setting.js';
import { MEMORY_SHARE_MAX, type Placements, type ShardView, type MemoryOf } from './shard-view.js';

export interface LiveInputs {
  readonly endpoints: readonly EndpointRecord[];
  readonly shards: readonly ShardView[];
  readonly current: Placements;
  readonly memoryOf: MemoryOf;
  /** Request and answer together, as far as a version's shapes tell. */
  readonly bytesOf?: ((version: Digest) => number) | undefined;
  readonly links?: readonly Link[];
  readonly ratePerS: (endpoint: string, region: string) => number;
  /** The shares that the plan before gave. */
  readonly shares: (endpoint: string) => PlacementPlan['endpoints'][number]['shares'] | undefined;
  /** The shards that it gave: what is to be there, whatever has not come or gone yet. Nothing where none has. */
  readonly seats?: (endpoint: string) => readonly string[] | undefined;
}

// What a request costs before one was measured.
const SERVICE_MS = 10;
/** Where a shard does not say how much it has. */
const MEMORY_BYTES = 2 ** 34;

/** These endpoints; undefined when there are none, or nothing to place them on. */
export function liveProblem(inputs: LiveInputs): PlacementProblem | undefined {
  const { endpoints, links = [] } = inputs;
  const open = inputs.shards.filter(({ state }) => state === 'open');
  if (endpoints.length === 0 || open.length === 0) return undefined;
  const regions = [...new Set(open.map(({ region }) => region))];
  const holds = holdsIn(open, inputs);
  const ours = new Set(endpoints.flatMap(({ variants }) => variants.map(({ version }) => version)));
  return {
    shards: open.map((shard) => ({ ...inventoryOf(shard, ours, inputs), holds: holds.get(shard.id) ?? [] })),
    links: [...links],
    endpoints: endpoints.map((endpoint) => endpointOf(endpoint, regions, open, inputs)),
  };
}

/** By shard: what the plan before put there while all its shards are open, or else what lies there. */
function holdsIn(
  open: readonly ShardView[],
  { endpoints, current, seats }: LiveInputs,
): Map<string, string[]> {
  const holds = new Map<string, string[]>(open.map(({ id }) => [id, []]));
  const lying = new Map<Digest, string[]>();
  for (const { id } of open)
    for (const { version } of current.get(id) ?? []) {
      const its = lying.get(version);
      if (its) its.push(id);
      else lying.set(version, [id]);
    }
  for (const { name, variants } of endpoints) {
    const planned = seats?.(name);
    const there = planned?.every((id) => holds.has(id))
      ? planned
      : variants.flatMap(({ version }) => lying.get(version) ?? []);
    for (const id of new Set(there)) holds.get(id)?.push(name);
  }
  return holds;
}

/** `ours`: what is to be placed. */
function inventoryOf(
  { id, region, device }: ShardView,
  ours: ReadonlySet<Digest>,
  { current, memoryOf }: LiveInputs,
): Omit<InventoryShard, 'holds'> {
  const held = new Set((current.get(id) ?? []).map(({ version }) => version));
  const others = [...held].filter((version) => !ours.has(version));
  const taken = others.reduce((sum, version) => sum + (memoryOf(version) ?? 0), 0);
  // What the planner may fill of it is what `place` has room for, less what is placed by others.
  const room = ((device?.memoryBytes ?? MEMORY_BYTES) * MEMORY_SHARE_MAX - taken) / MEMORY_SHARE;
  const { kind = 'cpu', zone, pool, pricePerHour = 1, speed = 1 } = device ?? {};
  return {
    id,
    region,
    device: kind,
    speed,
    pricePerHour,
    memoryBytes: Math.max(1, room),
    ...(zone !== undefined && { zone }),
    ...(pool !== undefined && { pool }),
  };
}

function endpointOf(
  endpoint: EndpointRecord,
  regions: readonly string[],
  open: readonly ShardView[],
  inputs: LiveInputs,
): PlacementEndpoint {
  const { name, variants, placement } = endpoint;
  const versions = [...new Set(variants.map(({ version }) => version))];
  const bytes = versions.reduce((sum, version) => sum + (inputs.memoryOf(version) ?? 0), 0);
  return {
    name,
    policy: placement?.policy ?? 'proportional',
    memoryBytes: Math.max(1, bytes),
    runs: runsOf(versions, placement?.devices, open),
    bytesPerRequest: Math.max(0, ...versions.map((version) => inputs.bytesOf?.(version) ?? 0)),
    ...(placement?.withinMs !== undefined && { withinMs: placement.withinMs }),
    spread: placement?.spread ?? { over: 'region', domains: 1, survives: 0 },
    groups: groupsOf(endpoint, regions, open, inputs),
  };
}

/** By device, at speed 1; a device on which nothing was measured is taken to be as fast as the other. */
function runsOf(
  versions: readonly Digest[],
  wanted: readonly DeviceClass[] | undefined,
  open: readonly ShardView[],
): PlacementEndpoint['runs'] {
  const classOf = ({ device }: ShardView): DeviceClass => deviceClassOf(device?.kind ?? 'cpu');
  const measuredOn = (shards: readonly ShardView[]): number[] =>
    shards.flatMap(({ itemMs, device }) =>
      versions
        .flatMap((version) => (itemMs?.get(version) ?? []) as number | [])
        .map((ms) => ms * (device?.speed ?? 1)),
    );
  const anywhere = measuredOn(open);
  const devices = new Set(wanted ?? open.map(classOf));
  return Object.fromEntries(
    [...devices].map((device) => {
      const here = measuredOn(open.filter((shard) => classOf(shard) === device));
      const serviceMs = Math.max(0, ...(here.length > 0 ? here : anywhere)) || SERVICE_MS;
      return [device, { serviceMs, ratePerS: 1_000 / serviceMs }];
    }),
  );
}

/** Users by region; those of each pool, and of each shard that some are pinned to, are groups of their own. */
function groupsOf(
  endpoint: EndpointRecord,
  regions: readonly string[],
  open: readonly ShardView[],
  { ratePerS, shares }: LiveInputs,
): UserGroup[] {
  const { name, placement } = endpoint;
  const before = shares(name);
  const residency = placement?.regions && { regions: placement.regions };
  const groups: UserGroup[] = regions.map((region) => ({
    name: region,
    home: region,
    ratePerS: ratePerS(name, region),
    ...residency,
    ...(placement?.pool !== undefined && { pool: placement.pool }),
    ...(before?.[region] && { now: before[region] }),
  }));
  const home = regions[0] ?? '';
  // How many of the requests are theirs is not counted: they get a replica, and more when a policy gives the endpoint more.
  for (const pool of poolsOf(endpoint))
    if (pool !== undefined && pool !== placement?.pool)
      groups.push({ name: `pool ${pool}`.slice(0, 64), home, ratePerS: 0, pool, ...residency });
  for (const shard of open)
    if (pinnedTo(endpoint).has(shard.id)) {
      const pool = shard.device?.pool;
      groups.push({
        name: `pin ${shard.id}`.slice(0, 64),
        home: shard.region,
        ratePerS: 0,
        pin: shard.id,
        ...residency,
        ...(pool !== undefined && { pool }),
      });
    }
  return groups.slice(0, GROUPS_MAX);
}

const GROUPS_MAX = 64;
