// A placement problem as the policies see it: shards gathered into centres, and for every endpoint where it could run, how fast and
// at what price. Who asks for something impossible is refused here, with the constraint that cannot be met.
import { failure } from '../../../contracts/errors.js';
import {
  deviceClassOf,
  type DeviceClass,
  type InventoryShard,
  type PlacementConstraint,
  type PlacementEndpoint,
  type PlacementProblem,
  type UserGroup,
} from '../../../contracts/placement.js';
import { Paths, transferMs } from './links.js';

/** Shards of one place that are all the same to a planner. */
export interface Centre {
  readonly index: number;
  readonly region: string;
  /** Unique among all regions. */
  readonly zone: string;
  readonly device: DeviceClass;
  readonly speed: number;
  readonly pricePerHour: number;
  readonly pool: string | undefined;
  readonly shards: readonly InventoryShard[];
  /** What may be filled, of all shards together. */
  readonly memoryBytes: number;
  /** The same of the smallest shard. */
  readonly memoryLeast: number;
}

/** An endpoint in a centre. */
export interface Option {
  readonly centre: Centre;
  /** What a replica may be given, in requests a second. */
  readonly ratePerS: number;
  /** The same in an emergency, and with nothing to spare. */
  readonly rateMaxPerS: number;
  readonly rateAlonePerS: number;
  readonly serviceMs: number;
  /** Of a replica that only lies there, per hour. */
  readonly replicaCost: number;
  /** Of a request a second that is computed there, per hour. */
  readonly rateCost: number;
  /** Shards with room for a replica when nothing else lies there. */
  readonly shards: number;
  /** Shards that groups are pinned to: each gets a replica. */
  readonly pinned: ReadonlySet<string>;
}

export interface GroupSetting {
  readonly group: UserGroup;
  /** Where the group may be answered, by the centre's index. */
  readonly options: ReadonlyMap<number, { readonly latencyMs: number; readonly linkCost: number }>;
  /** Shares of regions that may still answer it. */
  readonly now: ReadonlyMap<string, number>;
}

export interface EndpointSetting {
  readonly index: number;
  readonly endpoint: PlacementEndpoint;
  readonly ratePerS: number;
  readonly options: ReadonlyMap<number, Option>;
  readonly groups: readonly GroupSetting[];
  /** Where it lies now, of these options: by the centre's index, on how many shards. */
  readonly held: ReadonlyMap<number, number>;
  /** Every shard that a group is pinned to holds it. */
  readonly pinsHeld: boolean;
}

export interface Refused {
  readonly name: string;
  readonly constraint: PlacementConstraint;
  readonly reason: string;
}

export interface Setting {
  readonly centres: readonly Centre[];
  readonly endpoints: readonly EndpointSetting[];
  readonly refused: readonly Refused[];
  readonly paths: Paths;
}

/** Above this the queue grows faster than the demand. */
export const BUSY_SHARE = 0.7;
/** In an emergency. */
export const BUSY_SHARE_MAX = 0.9;
/** The rest is for the host and the tensors of running requests. */
export const MEMORY_SHARE = 0.9;

/** Throws PLACEMENT_REFUSED where the problem contradicts itself; endpoints that nothing can hold are listed. */
export function settingOf(problem: PlacementProblem): Setting {
  const centres = centresOf(problem.shards);
  const paths = new Paths(problem.links);
  const known = new Map(
    centres.flatMap((centre) => centre.shards.map((shard) => [shard.id, centre] as const)),
  );
  refuseNames(problem, known);
  const holders = holdersIn(centres);
  const endpoints: EndpointSetting[] = [];
  const refused: Refused[] = [];
  for (const endpoint of problem.endpoints) {
    const found = endpointSetting(endpoint, endpoints.length, { centres, paths, known, holders });
    if ('constraint' in found) refused.push(found);
    else endpoints.push(found);
  }
  return { centres, endpoints, refused, paths };
}

function centresOf(shards: readonly InventoryShard[]): Centre[] {
  const byKey = new Map<string, InventoryShard[]>();
  for (const shard of shards) {
    const { region, zone, device, speed, pricePerHour, pool } = shard;
    const key = JSON.stringify([region, zone, deviceClassOf(device), speed, pricePerHour, pool]);
    const same = byKey.get(key);
    if (same) same.push(shard);
    else byKey.set(key, [shard]);
  }
  return [...byKey.values()].map((members, index) => {
    const { region, zone, device, speed, pricePerHour, pool } = members[0] as InventoryShard;
    const memoryBytes = members.reduce((sum, shard) => sum + shard.memoryBytes, 0) * MEMORY_SHARE;
    return {
      index,
      region,
      zone: `${region}/${zone ?? ''}`,
      device: deviceClassOf(device),
      speed,
      pricePerHour,
      pool,
      shards: members,
      memoryBytes,
      memoryLeast: Math.min(...members.map((shard) => shard.memoryBytes)) * MEMORY_SHARE,
    };
  });
}

/** By the endpoint's name and the centre's index, on how many shards it lies. */
function holdersIn(centres: readonly Centre[]): Map<string, Map<number, number>> {
  const holders = new Map<string, Map<number, number>>();
  for (const { index, shards } of centres)
    for (const { holds } of shards)
      for (const name of holds) {
        const its = holders.get(name) ?? new Map<number, number>();
        holders.set(name, its.set(index, (its.get(index) ?? 0) + 1));
      }
  return holders;
}

function refuseNames({ shards, endpoints }: PlacementProblem, known: ReadonlyMap<string, Centre>): void {
  if (known.size !== shards.length) throw failure('PLACEMENT_REFUSED', 'Two shards have the same id.');
  if (new Set(endpoints.map(({ name }) => name)).size !== endpoints.length)
    throw failure('PLACEMENT_REFUSED', 'Two endpoints have the same name.');
  for (const { name, groups } of endpoints) {
    if (new Set(groups.map((group) => group.name)).size !== groups.length)
      throw failure('PLACEMENT_REFUSED', `Two user groups of "${name}" have the same name.`, {
        endpoint: name,
      });
    for (const { name: group, pin } of groups)
      if (pin !== undefined && !known.has(pin))
        throw failure(
          'PLACEMENT_REFUSED',
          `Group "${group}" of "${name}" is pinned to "${pin}", which is no shard.`,
          {
            endpoint: name,
            constraint: 'pin',
          },
        );
  }
}

export const gib = (bytes: number): string => `${Number((bytes / 2 ** 30).toPrecision(3))} GiB`;

interface Known {
  readonly centres: readonly Centre[];
  readonly paths: Paths;
  readonly known: ReadonlyMap<string, Centre>;
  readonly holders: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

function endpointSetting(
  endpoint: PlacementEndpoint,
  index: number,
  known: Known,
): EndpointSetting | Refused {
  const { name, memoryBytes, runs, spread } = endpoint;
  const refuse = (constraint: PlacementConstraint, reason: string): Refused => ({ name, constraint, reason });
  const fitting = known.centres.filter(({ device }) => runs[device] !== undefined);
  const devices = Object.keys(runs).join(' or ');
  if (fitting.length === 0)
    return refuse('device', `It runs on ${devices || 'no device'}, and no shard has that.`);
  const pins = endpoint.groups.flatMap(({ pin }) => pin ?? []);
  const options = new Map(
    fitting.flatMap((centre) => {
      const option = optionIn(endpoint, centre, pins);
      return option.shards === 0 ? [] : [[centre.index, option] as const];
    }),
  );
  if (options.size === 0) {
    const largest = Math.max(...fitting.flatMap(({ shards }) => shards.map((shard) => shard.memoryBytes)));
    return refuse(
      'memory',
      `A replica needs ${gib(memoryBytes)}, and the largest ${devices} device gives ${gib(largest * MEMORY_SHARE)}: split the model, or add a larger device.`,
    );
  }
  const groups: GroupSetting[] = [];
  for (const group of endpoint.groups) {
    const found = groupSetting(group, endpoint, options, known);
    if ('constraint' in found) return found;
    groups.push(found);
  }
  const usable = [...options.values()].filter(({ centre }) =>
    groups.some((g) => g.options.has(centre.index)),
  );
  const domains = new Set(usable.map(({ centre }) => domainOf(endpoint, centre)));
  if (domains.size < spread.domains)
    return refuse(
      'spread',
      `It is to lie in ${spread.domains} ${spread.over}s, and only ${domains.size} may hold it: ${[...domains].join(', ')}.`,
    );
  const usableIn = new Map(usable.map((option) => [option.centre.index, option]));
  return {
    index,
    endpoint,
    groups,
    ratePerS: endpoint.groups.reduce((sum, { ratePerS }) => sum + ratePerS, 0),
    options: usableIn,
    held: new Map([...(known.holders.get(name) ?? [])].filter(([centre]) => usableIn.has(centre))),
    pinsHeld: pins.every((pin) =>
      known.known.get(pin)?.shards.some(({ id, holds }) => id === pin && holds.includes(name)),
    ),
  };
}

export const domainOf = ({ spread }: Pick<PlacementEndpoint, 'spread'>, centre: Centre): string =>
  spread.over === 'zone' ? centre.zone : centre.region;

const NOBODY: ReadonlySet<string> = new Set();

const pinnedIn = ({ shards }: Centre, pins: readonly string[]): Set<string> =>
  new Set(shards.map(({ id }) => id).filter((id) => pins.includes(id)));

function optionIn({ memoryBytes, runs }: PlacementEndpoint, centre: Centre, pins: readonly string[]): Option {
  const run = runs[centre.device];
  const rate = (run?.ratePerS ?? 0) * centre.speed;
  const mean = centre.memoryBytes / centre.shards.length;
  return {
    centre,
    ratePerS: rate * BUSY_SHARE,
    rateMaxPerS: rate * BUSY_SHARE_MAX,
    rateAlonePerS: rate,
    serviceMs: (run?.serviceMs ?? 0) / centre.speed,
    // Half of a device's price goes to what fills its memory, half to what keeps it busy: a full one is paid for once.
    replicaCost: (centre.pricePerHour / 2) * (memoryBytes / mean),
    rateCost: centre.pricePerHour / 2 / rate,
    shards:
      centre.memoryLeast >= memoryBytes
        ? centre.shards.length
        : centre.shards.filter((shard) => shard.memoryBytes * MEMORY_SHARE >= memoryBytes).length,
    pinned: pins.length === 0 ? NOBODY : pinnedIn(centre, pins),
  };
}

function groupSetting(
  group: UserGroup,
  endpoint: PlacementEndpoint,
  options: ReadonlyMap<number, Option>,
  { centres, paths, known }: Known,
): GroupSetting | Refused {
  const { bytesPerRequest, withinMs, name } = endpoint;
  const { regions, pool, pin } = group;
  const refuse = (constraint: PlacementConstraint, reason: string): Refused => ({
    name,
    constraint,
    reason: `Group "${group.name}": ${reason}`,
  });
  const resident = centres.filter(({ region }) => regions === undefined || regions.includes(region));
  if (resident.length === 0)
    return refuse('residency', `no shard lies in ${regions?.join(', ') ?? 'any region'}.`);
  const pooled = resident.filter((centre) => centre.pool === pool);
  if (pooled.length === 0)
    return refuse(
      'pool',
      pool ? `no shard of pool "${pool}" where it may be.` : 'all shards there belong to pools.',
    );
  const pinned = pin === undefined ? pooled : pooled.filter((centre) => centre === known.get(pin));
  if (pinned.length === 0) return refuse('pin', `shard "${pin}" is outside of its residency or pool.`);
  const capable = pinned.filter((centre) => options.has(centre.index));
  if (capable.length === 0)
    return refuse('device', `no device where it may be runs the model, or has the memory for it.`);
  const found = new Map<number, { latencyMs: number; linkCost: number }>();
  const ways = new Map<string, { latencyMs: number; linkCost: number }>();
  for (const centre of capable) {
    let way = ways.get(centre.region);
    if (!way) {
      const path = paths.between(group.home, centre.region);
      const linkCost = ((bytesPerRequest * 3_600) / 1e9) * path.pricePerGb;
      way = { latencyMs: transferMs(path, bytesPerRequest), linkCost };
      ways.set(centre.region, way);
    }
    const { latencyMs } = way;
    if (withinMs !== undefined && latencyMs + (options.get(centre.index)?.serviceMs ?? 0) > withinMs)
      continue;
    found.set(centre.index, way);
  }
  if (found.size === 0)
    return refuse('latency', `round trip and run take longer than ${withinMs} ms wherever it may be.`);
  const reachable = new Set([...found.keys()].map((index) => (centres[index] as Centre).region));
  return {
    group,
    options: found,
    now: new Map(Object.entries(group.now ?? {}).filter(([r]) => reachable.has(r))),
  };
}
