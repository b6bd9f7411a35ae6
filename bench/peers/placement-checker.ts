// Holds a plan against the problem, from the contract alone: nothing of the planner is used here, so that a mistake of its own does
// not excuse itself.
import type {
  InventoryShard,
  PlacementEndpoint,
  PlacementPlan,
  PlacementProblem,
  PlannedEndpoint,
  UserGroup,
} from '../../contracts/placement.js';

const EPSILON = 1e-3;

/** One sentence for each constraint that the plan breaks. */
export function violations({ shards, endpoints }: PlacementProblem, plan: PlacementPlan): string[] {
  const found: string[] = [];
  const devices = new Devices(shards);
  const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  let movedRate = 0;
  for (const planned of plan.endpoints) {
    const endpoint = byName.get(planned.name);
    byName.delete(planned.name);
    if (!endpoint) found.push(`${planned.name}: nobody asked for it, or twice`);
    else {
      found.push(...ofEndpoint(endpoint, planned, devices));
      movedRate += movedOf(endpoint, planned, shards);
    }
  }
  for (const { name } of plan.unplaced) byName.delete(name);
  for (const name of byName.keys()) found.push(`${name}: neither placed nor left out`);
  const heldRate = endpoints.reduce((sum, endpoint) => sum + heldOf(endpoint, shards), 0);
  if (movedRate > 0.1 * heldRate * (1 + EPSILON) + EPSILON)
    found.push(`${(100 * movedRate) / heldRate} % move`);
  return [...found, ...devices.overfull()];
}

/** What lies on each device, and how busy it is. */
class Devices {
  private readonly byId: ReadonlyMap<string, InventoryShard>;
  private readonly filled = new Map<string, number>();
  private readonly busy = new Map<string, number>();

  constructor(shards: readonly InventoryShard[]) {
    this.byId = new Map(shards.map((shard) => [shard.id, shard]));
  }

  get(id: string): InventoryShard | undefined {
    return this.byId.get(id);
  }

  add(id: string, memoryBytes: number, busy: number): void {
    this.filled.set(id, (this.filled.get(id) ?? 0) + memoryBytes);
    this.busy.set(id, (this.busy.get(id) ?? 0) + busy);
  }

  overfull(): string[] {
    const found: string[] = [];
    for (const [id, bytes] of this.filled)
      if (bytes > 0.9 * (this.byId.get(id)?.memoryBytes ?? 0)) found.push(`${id}: too full`);
    for (const [id, busy] of this.busy) if (busy > 0.9 + EPSILON) found.push(`${id}: ${busy} busy`);
    // Shards that are all the same: on average 0.7.
    const alike = new Map<string, string[]>();
    for (const { id, region, zone, device, speed, pricePerHour, pool } of this.byId.values()) {
      const key = JSON.stringify([region, zone, device === 'cpu', speed, pricePerHour, pool]);
      alike.set(key, [...(alike.get(key) ?? []), id]);
    }
    for (const [key, ids] of alike) {
      const busy = ids.reduce((sum, id) => sum + (this.busy.get(id) ?? 0), 0) / ids.length;
      if (busy > 0.7 + EPSILON) found.push(`${key}: ${busy} busy on average`);
    }
    return found;
  }
}

function ofEndpoint(endpoint: PlacementEndpoint, planned: PlannedEndpoint, devices: Devices): string[] {
  const { name, runs, memoryBytes, spread, groups } = endpoint;
  const { shards: ids, shares, ratesPerS } = planned;
  const found: string[] = [];
  if (new Set(ids).size !== ids.length) found.push(`${name}: two replicas on one shard`);
  const given = new Map<string, number>();
  const domains = new Map<string, number>();
  for (const id of ids) {
    const shard = devices.get(id);
    const run = shard?.device === 'cpu' ? runs.cpu : runs.cuda;
    if (!shard || !run) {
      found.push(`${name}: cannot run on ${id}`);
      continue;
    }
    const alone = run.ratePerS * shard.speed;
    const rate = ratesPerS[id] ?? 0;
    devices.add(id, memoryBytes, rate / alone);
    if (rate > 0.7 * alone * (1 + EPSILON))
      found.push(`${name}: ${rate}/s on ${id}, which may have ${0.7 * alone}`);
    given.set(shard.region, (given.get(shard.region) ?? 0) + rate);
    const domain = spread.over === 'zone' ? `${shard.region}/${shard.zone ?? ''}` : shard.region;
    domains.set(domain, (domains.get(domain) ?? 0) + alone);
  }
  const asked = new Map<string, number>();
  for (const group of groups) {
    const mine = Object.entries(shares[group.name] ?? {});
    const total = mine.reduce((sum, [, share]) => sum + share, 0);
    if (Math.abs(total - 1) > EPSILON) found.push(`${name}/${group.name}: shares add up to ${total}`);
    for (const [region, share] of mine) {
      asked.set(region, (asked.get(region) ?? 0) + share * group.ratePerS);
      const there = ids.flatMap((id) => devices.get(id) ?? []).filter((shard) => shard.region === region);
      if (share > EPSILON && !there.some((shard) => mayAnswer(group, shard)))
        found.push(`${name}/${group.name}: no replica in ${region} may answer it`);
    }
    if (group.pin !== undefined && !ids.includes(group.pin))
      found.push(`${name}/${group.name}: not on ${group.pin}`);
  }
  for (const region of new Set([...given.keys(), ...asked.keys()]))
    if (
      Math.abs((given.get(region) ?? 0) - (asked.get(region) ?? 0)) >
      EPSILON * (1 + (asked.get(region) ?? 0))
    )
      found.push(`${name}: ${asked.get(region)}/s in ${region}, its replicas are given ${given.get(region)}`);
  const demand = groups.reduce((sum, { ratePerS }) => sum + ratePerS, 0);
  if (domains.size < spread.domains) found.push(`${name}: in ${domains.size} domains`);
  for (const lost of domains.keys()) {
    const left = [...domains].reduce((sum, [domain, rate]) => sum + (domain === lost ? 0 : 0.9 * rate), 0);
    if (left * (1 + EPSILON) < spread.survives * demand) found.push(`${name}: does not survive ${lost}`);
  }
  return found;
}

const mayAnswer = ({ regions, pool, pin }: UserGroup, shard: InventoryShard): boolean =>
  (regions === undefined || regions.includes(shard.region)) &&
  shard.pool === pool &&
  (pin === undefined || pin === shard.id);

/** Where a group is answered now and still may be, with its share. */
function stays(
  { runs, memoryBytes }: PlacementEndpoint,
  group: UserGroup,
  shards: readonly InventoryShard[],
): [string, number][] {
  return Object.entries(group.now ?? {}).filter(([region]) =>
    shards.some(
      (shard) =>
        shard.region === region &&
        mayAnswer(group, shard) &&
        (shard.device === 'cpu' ? runs.cpu : runs.cuda) !== undefined &&
        0.9 * shard.memoryBytes >= memoryBytes,
    ),
  );
}

const heldOf = (endpoint: PlacementEndpoint, shards: readonly InventoryShard[]): number =>
  endpoint.groups.reduce(
    (sum, group) =>
      sum + group.ratePerS * stays(endpoint, group, shards).reduce((total, [, was]) => total + was, 0),
    0,
  );

const movedOf = (
  endpoint: PlacementEndpoint,
  { shares }: PlannedEndpoint,
  shards: readonly InventoryShard[],
): number =>
  endpoint.groups.reduce((sum, group) => {
    const lost = stays(endpoint, group, shards).map(([region, was]) =>
      Math.max(0, was - (shares[group.name]?.[region] ?? 0)),
    );
    return sum + group.ratePerS * lost.reduce((total, one) => total + one, 0);
  }, 0);
