// The running mesh as `massif place` asks about it: what shards, the registry and callers say, put to the function that the placer plans
// with. Of what only the placer remembers, its last plan, there is what came of it: who holds what.
import type { Link, PlacementProblem } from '../contracts/placement.js';
import type { EndpointRecord, ModelSummary } from '../contracts/registry.js';
import type { z } from 'zod';
import { bytesPerRequest } from '../services/mesh/placement/bytes-per-request.js';
import { type LiveInputs, liveProblem } from '../services/mesh/placement/live-problem.js';
import { replicaMemory } from '../services/mesh/placement/replica-memory.js';
import { viewOf } from '../services/mesh/placement/shard-view.js';
import type { ShardBeat } from './shard-beats.js';

export interface Running {
  readonly beats: readonly Pick<ShardBeat, 'beat'>[];
  readonly endpoints: readonly EndpointRecord[];
  readonly models: readonly z.infer<typeof ModelSummary>[];
  readonly links: readonly Link[];
  /** Of an endpoint's callers in a region, requests a second. */
  readonly ratePerS: LiveInputs['ratePerS'];
}

/** All endpoints, with a policy or without; undefined when there are none, or no shard takes anything new. */
export function runningProblem({
  beats,
  endpoints,
  models,
  ...observed
}: Running): PlacementProblem | undefined {
  const versions = new Map(
    models.flatMap((model) => model.versions.map((one) => [one.digest, one] as const)),
  );
  const bytesOf = (digest: string): number => {
    const version = versions.get(digest);
    return version ? bytesPerRequest(version) : 0;
  };
  return liveProblem({
    ...observed,
    endpoints,
    shards: beats.map(({ beat }) => viewOf(beat)),
    current: new Map(beats.map(({ beat }) => [beat.shard, beat.replicas])),
    memoryOf: (digest) => {
      const version = versions.get(digest);
      return version && replicaMemory(version.resources);
    },
    bytesOf,
    shares: (name) =>
      sharesNow(
        endpoints.find((one) => one.name === name),
        beats,
      ),
  });
}

/** Callers are answered in their own region where it has a replica. */
function sharesNow(
  endpoint: EndpointRecord | undefined,
  beats: Running['beats'],
): Record<string, Record<string, number>> {
  const versions = new Set(endpoint?.variants.map(({ version }) => version));
  const holding = beats.filter(({ beat }) => beat.replicas.some(({ version }) => versions.has(version)));
  return Object.fromEntries(holding.map(({ beat: { region } }) => [region, { [region]: 1 }]));
}
