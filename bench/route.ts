// The route function in a mesh of 1,000 shards and 10,000 endpoints: time of a decision, error of the split, users moved when a
// shard goes. Pure computation, no server.
import { DEFAULT_TIMEOUT_MS } from '../contracts/headers.js';
import { replicaId } from '../contracts/names.js';
import type { EndpointRecord } from '../contracts/registry.js';
import { WEIGHT_TOTAL } from '../contracts/traffic.js';
import { bucketOf, variantOf } from '../services/mesh/bucket.js';
import { murmur3 } from '../services/mesh/murmur3.js';
import { seededRandom } from '../services/mesh/random.js';
import { type ReplicaView, route, type RouteTable } from '../services/mesh/routing/route.js';
import { type Benchmark, type BenchOptions, percentile } from './report.js';

const SHARDS = 1_000;
const ENDPOINTS = 10_000;
const REGIONS = ['east', 'west', 'north', 'south'];
const SIZES = { ci: [20_000, 100_000], quick: [200_000, 1_000_000], full: [1_000_000, 1_000_000] } as const;

export const benchmark: Benchmark = ({ form, seed }: BenchOptions) => {
  const [decisions, users] = SIZES[form];
  const random = seededRandom(seed);
  const spread = makeTable(random, () => 2 + Math.floor(random() * 6));
  const decide = timeDecisions(spread, decisions, random);
  // The worst case of the same mesh: one version resident on every shard.
  const everywhere = makeTable(random, (endpoint) => (endpoint === 0 ? SHARDS : 1));
  const wide = timeDecisions(everywhere, Math.min(decisions, 50_000), random, 'endpoint-0');
  const split = splitError(users);
  const moved = usersMoved(Math.min(users, 200_000));
  return Promise.resolve({
    results: { shards: SHARDS, endpoints: ENDPOINTS, decide, everywhere: wide, split, moved },
    aims: [
      { name: 'decision p50', value: decide.p50Us, unit: 'us', aim: 5, op: '<=' },
      { name: 'decision p99', value: decide.p99Us, unit: 'us', aim: 20, op: '<=' },
      { name: 'one version on all 1,000 shards, p99', value: wide.p99Us, unit: 'us', aim: 20, op: '<=' },
      { name: 'split error on 1M users', value: split.worstPoints, unit: 'points', aim: 0.1, op: '<=' },
      {
        name: 'users moved when one of 12 shards goes',
        value: moved.percent,
        unit: '%',
        aim: 100 / 12 + 1,
        op: '<=',
      },
      { name: 'users moved needlessly', value: moved.needlessly, unit: 'users', aim: 0, op: '<=' },
    ],
  });
};

function endpointRecord(
  name: string,
  versions: readonly string[],
  weights: readonly number[],
): EndpointRecord {
  return {
    name,
    model: name,
    variants: versions.map((version, i) => ({ version, label: `v${i}`, weight: weights[i] ?? 0 })),
    salt: name,
    assignment: 'request',
    replicasPerRegion: 2,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
}

const digestOf = (text: string): string => murmur3(text).toString(16).padStart(8, '0').repeat(8);

function makeTable(random: () => number, replicasOf: (endpoint: number) => number): RouteTable {
  const endpoints = new Map<string, EndpointRecord>();
  const replicas = new Map<string, ReplicaView[]>();
  for (let e = 0; e < ENDPOINTS; e++) {
    const name = `endpoint-${e}`;
    const versions = [digestOf(`${name}/stable`), digestOf(`${name}/canary`)];
    endpoints.set(name, endpointRecord(name, versions, [9_500, 500]));
    for (const version of versions) {
      const first = Math.floor(random() * SHARDS);
      const views = Array.from({ length: replicasOf(e) }, (_, i) =>
        replicaView((first + i) % SHARDS, version, random),
      );
      replicas.set(version, views);
    }
  }
  return {
    region: 'east',
    endpoint: (name) => endpoints.get(name),
    replicas: (version) => replicas.get(version) ?? [],
  };
}

function replicaView(shard: number, version: string, random: () => number): ReplicaView {
  const name = `shard-${REGIONS[shard % REGIONS.length]}-${shard}`;
  return {
    id: replicaId(name, version),
    shard: name,
    region: REGIONS[shard % REGIONS.length] as string,
    version,
    ready: random() > 0.02,
    fresh: random() > 0.02,
    inFlight: Math.floor(random() * 8),
    capacity: 64,
    latencyMs: 1 + random() * 20,
    blocked: false,
    penalty: 0,
    hash: murmur3(name),
  };
}

// The clock takes 0.05 us to read; a decision is timed alone so that the percentiles are of decisions, not of averages.
function timeDecisions(table: RouteTable, count: number, random: () => number, only?: string) {
  const names = Array.from({ length: 4_096 }, () => only ?? `endpoint-${Math.floor(random() * ENDPOINTS)}`);
  const userNames = Array.from({ length: 4_096 }, (_, i) => `user-${i}`);
  const samples = Array.from({ length: count }, () => 0);
  let refused = 0;
  for (let i = -20_000; i < count; i++) {
    const user = i % 2 === 0 ? userNames[(i >>> 1) % 4_096] : undefined;
    const endpoint = names[(i + 20_000) % 4_096] as string;
    const from = performance.now();
    const decision = route(table, { endpoint, user }, random);
    const us = (performance.now() - from) * 1_000;
    if (decision.kind === 'refused') refused++;
    if (i >= 0) samples[i] = us;
  }
  return { decisions: count, p50Us: percentile(samples, 0.5), p99Us: percentile(samples, 0.99), refused };
}

/** Largest distance, over canary weights in steps of 0.01 %, between the share of users declared and the share that falls there. */
function splitError(users: number) {
  const weights = [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 9_999];
  const salt = 'split';
  const buckets = Array.from({ length: users }, (_, i) => bucketOf(salt, `user-${i}`));
  const worst = weights.map((weight) => {
    const endpoint = endpointRecord('split', [digestOf('a'), digestOf('b')], [WEIGHT_TOTAL - weight, weight]);
    const canary = endpoint.variants[1];
    const share = buckets.filter((bucket) => variantOf(endpoint, bucket) === canary).length / users;
    return Math.abs(share - weight / WEIGHT_TOTAL) * 100;
  });
  return { users, steps: weights.length, worstPoints: Math.max(...worst) };
}

/** Sticky users over 12 equal shards, idle; then one shard is gone. */
function usersMoved(users: number) {
  const version = digestOf('moved');
  const seats = Array.from({ length: 12 }, (_, i): ReplicaView => {
    const shard = `shard-east-${i}`;
    const idle = {
      ready: true,
      fresh: true,
      inFlight: 0,
      capacity: 64,
      latencyMs: 5,
      blocked: false,
      penalty: 0,
    };
    return { id: replicaId(shard, version), shard, region: 'east', version, hash: murmur3(shard), ...idle };
  });
  const endpoint = endpointRecord('moved', [version], [WEIGHT_TOTAL]);
  const tableOf = (replicas: ReplicaView[]): RouteTable => ({
    region: 'east',
    endpoint: () => endpoint,
    replicas: () => replicas,
  });
  const before = tableOf(seats);
  const after = tableOf(seats.slice(1));
  const gone = seats[0]?.shard;
  const shardOf = (table: RouteTable, user: string): string | undefined => {
    const decision = route(table, { endpoint: 'moved', user }, Math.random);
    return decision.kind === 'replica' ? decision.replica.shard : undefined;
  };
  let moved = 0;
  let needlessly = 0;
  for (let i = 0; i < users; i++) {
    const user = `user-${i}`;
    const was = shardOf(before, user);
    if (was === shardOf(after, user)) continue;
    moved++;
    if (was !== gone) needlessly++;
  }
  return { users, percent: (100 * moved) / users, needlessly };
}
