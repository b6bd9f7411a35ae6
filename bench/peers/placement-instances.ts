// Random placement problems for the benchmark: regions with links of all classes, processors and GPUs at different prices, endpoints
// whose users live in several regions, some with residency, some spread over regions. How full the memory is can be chosen.
import type {
  InventoryShard,
  Link,
  PlacementEndpoint,
  PlacementPlan,
  PlacementProblem,
  UserGroup,
} from '../../contracts/placement.js';

export interface InstanceSize {
  readonly regions: number;
  readonly shards: number;
  readonly endpoints: number;
  /** Needed memory, of what there is. */
  readonly fill: number;
  /** Needed device time, of what devices may be busy. */
  readonly heat: number;
}

const GIB = 2 ** 30;

export function randomInstance(random: () => number, size: InstanceSize): PlacementProblem {
  const between = (low: number, high: number): number => low + random() * (high - low);
  const regions = Array.from({ length: size.regions }, (_, i) => `region-${i}`);
  const prices = regions.map(() => between(0.6, 1.6));
  const shards: InventoryShard[] = Array.from({ length: size.shards }, (_, i) => {
    const region = i % size.regions;
    const gpu = Math.floor(i / size.regions) % 3 === 2;
    return {
      id: `shard-${i}`,
      region: regions[region] as string,
      device: gpu ? 'cuda:0' : 'cpu',
      speed: 1,
      holds: [],
      memoryBytes: gpu ? 24 * GIB : 32 * GIB,
      pricePerHour: Number(((prices[region] as number) * (gpu ? 1.2 : 0.3)).toFixed(3)),
    };
  });
  const links: Link[] = regions.flatMap((a, i) =>
    regions.slice(i + 1).map((b): Link => {
      const kind = random() < 0.6 ? 'internet' : random() < 0.8 ? 'dedicated' : 'wireless';
      return { between: [a, b], class: kind, latencyMs: between(8, 160) };
    }),
  );
  const endpoints = Array.from({ length: size.endpoints }, (_, i) =>
    randomEndpoint(i, regions, random, between),
  );
  return scaled(heated({ shards, links, endpoints }, size.heat), size.fill);
}

function randomEndpoint(
  i: number,
  regions: readonly string[],
  random: () => number,
  between: (low: number, high: number) => number,
): PlacementEndpoint {
  const pick = (): string => regions[Math.floor(random() * regions.length)] as string;
  const homes = [...new Set(Array.from({ length: 1 + Math.floor(random() * 4) }, pick))];
  const rate = Math.exp(between(Math.log(1), Math.log(12)));
  const groups: UserGroup[] = homes.map((home) => {
    const resident = random() < 0.25;
    return {
      name: `users-${home}`,
      home,
      ratePerS: Number((rate * between(0.3, 1)).toFixed(2)),
      ...(resident && { regions: [...new Set([home, pick()])] }),
    };
  });
  const serviceMs = between(8, 40);
  // Whoever must stay in one region cannot be spread over two.
  const spread = random() < 0.3 && groups.every((group) => group.regions === undefined) ? 2 : 1;
  return {
    name: `endpoint-${i}`,
    policy: 'intelligent',
    memoryBytes: Math.round(between(0.4, 2) * GIB),
    groups,
    runs: {
      cpu: { serviceMs, ratePerS: 1_000 / serviceMs },
      ...(random() < 0.7 && { cuda: { serviceMs: serviceMs / 6, ratePerS: 6_000 / serviceMs } }),
    },
    bytesPerRequest: Math.round(between(2_000, 200_000)),
    spread: { over: 'region', domains: spread, survives: spread > 1 ? 0.6 : 0 },
  };
}

/** Fewer or more requests, until processors or GPUs are as busy as this when everything that can runs on GPUs. */
function heated(problem: PlacementProblem, heat: number): PlacementProblem {
  const room = { cpu: 0, cuda: 0 };
  for (const { device } of problem.shards) room[device === 'cpu' ? 'cpu' : 'cuda'] += 0.7;
  const needed = { cpu: 0, cuda: 0 };
  for (const { groups, runs } of problem.endpoints) {
    const rate = groups.reduce((sum, { ratePerS }) => sum + ratePerS, 0);
    if (runs.cuda && room.cuda > 0) needed.cuda += rate / runs.cuda.ratePerS;
    else needed.cpu += rate / (runs.cpu?.ratePerS ?? 1);
  }
  const times = (['cpu', 'cuda'] as const).filter((kind) => needed[kind] > 0);
  const factor = heat * Math.min(...times.map((kind) => room[kind] / needed[kind]));
  return {
    ...problem,
    endpoints: problem.endpoints.map((endpoint) => ({
      ...endpoint,
      groups: endpoint.groups.map((group) => ({ ...group, ratePerS: group.ratePerS * factor })),
    })),
  };
}

/** The fewest regions that may answer all groups. */
function regionsNeeded(groups: readonly UserGroup[]): number {
  const bound = groups.flatMap(({ regions }) => (regions ? [regions] : []));
  const all = [...new Set(bound.flat())];
  let fewest = Math.max(1, all.length);
  for (let mask = 1; mask < 1 << all.length; mask++) {
    const chosen = all.filter((_, i) => mask & (1 << i));
    if (bound.every((regions) => regions.some((region) => chosen.includes(region))))
      fewest = Math.min(fewest, chosen.length);
  }
  return fewest;
}

/** Shrinks or grows the devices until the memory that is needed fills them so far. */
function scaled(problem: PlacementProblem, fill: number): PlacementProblem {
  const room = problem.shards.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) * 0.9;
  const needed = problem.endpoints.reduce((sum, { memoryBytes, groups, runs, spread }) => {
    const rate = groups.reduce((total, { ratePerS }) => total + ratePerS, 0);
    const best = 0.7 * Math.max(runs.cpu?.ratePerS ?? 0, runs.cuda?.ratePerS ?? 0);
    return sum + memoryBytes * Math.max(spread.domains, Math.ceil(rate / best), regionsNeeded(groups));
  }, 0);
  const factor = needed / (fill * room);
  const shards = problem.shards.map((one) => ({ ...one, memoryBytes: Math.round(one.memoryBytes * factor) }));
  return { ...problem, shards };
}

/** Of the memory that may be filled, what a plan fills. */
export function filledBy({ shards, endpoints }: PlacementProblem, plan: PlacementPlan): number {
  const room = shards.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) * 0.9;
  const bytes = new Map(endpoints.map(({ name, memoryBytes }) => [name, memoryBytes]));
  const held = plan.endpoints.reduce(
    (sum, { name, shards: on }) => sum + on.length * (bytes.get(name) ?? 0),
    0,
  );
  return held / room;
}

/** With larger devices, until a plan fills less of them than this: nearness fills what need leaves free. */
export function roomy(
  problem: PlacementProblem,
  planFor: (problem: PlacementProblem) => PlacementPlan,
  filledMax: number,
): PlacementProblem {
  let grown = problem;
  while (filledBy(grown, planFor(grown)) >= filledMax)
    grown = {
      ...grown,
      shards: grown.shards.map((one) => ({ ...one, memoryBytes: Math.round(one.memoryBytes * GROWTH) })),
    };
  return grown;
}

const GROWTH = 1.05;

/** The same problem some minutes later: what the plan says is there, and the demand has changed by up to a fifth. */
export function afterwards(
  problem: PlacementProblem,
  plan: PlacementPlan,
  random: () => number,
): PlacementProblem {
  const planned = new Map(plan.endpoints.map((one) => [one.name, one]));
  const holds = new Map<string, string[]>();
  for (const { name, shards } of plan.endpoints)
    for (const shard of shards) holds.set(shard, [...(holds.get(shard) ?? []), name]);
  return {
    ...problem,
    shards: problem.shards.map((shard) => ({ ...shard, holds: holds.get(shard.id) ?? [] })),
    endpoints: problem.endpoints.map((endpoint) => ({
      ...endpoint,
      groups: endpoint.groups.map((group) => {
        const now = planned.get(endpoint.name)?.shares[group.name];
        return { ...group, ratePerS: group.ratePerS * (0.8 + 0.4 * random()), ...(now && { now }) };
      }),
    })),
  };
}
