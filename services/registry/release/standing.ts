// How far a plan's replicas are: asked for, placed, loaded, ready. Pure; what moves a release on is decided from it (look.ts).
import type { Digest } from '../../../contracts/names.js';
import type { PlanArm } from '../../../contracts/release.js';
import type { Placements } from '../../mesh/placement/shard-view.js';
import type { Sighting } from './sightings.js';

/** One version in one region that is there. */
export interface Standing {
  readonly version: Digest;
  readonly label: string;
  readonly region: string;
  readonly wanted: number;
  readonly placed: number;
  /** Out of the state `loading`. */
  readonly loaded: number;
  readonly ready: number;
  /** Ready, heard after the moment that was asked about. */
  readonly confirmed: number;
  readonly failed: readonly { readonly shard: string; readonly reason: string }[];
}

export interface Field {
  readonly shards: readonly Sighting[];
  readonly placements: Placements;
  /** Of the endpoint, where an arm does not say. */
  readonly replicasPerRegion: number;
  readonly sinceMs: number;
}

/** A region that is silent is left out: it serves what it has, and nobody can tell how far it is. */
export function standings(arms: readonly PlanArm[], field: Field): Standing[] {
  const regions = [...new Set(field.shards.map(({ region }) => region))].sort();
  return [...byVersion(arms)].flatMap(([version, mine]) =>
    regions.map((region) => standing(version, mine, region, field)),
  );
}

function standing(
  version: Digest,
  arms: readonly PlanArm[],
  region: string,
  { shards, placements, replicasPerRegion, sinceMs }: Field,
): Standing {
  const here = shards.filter((shard) => shard.region === region && !shard.draining);
  const asked = Math.max(...arms.map(({ replicas }) => replicas[region] ?? replicasPerRegion));
  const holders = here.filter((shard) =>
    placements.get(shard.shard)?.some((placed) => placed.version === version),
  );
  const reports = holders.map((shard) => ({ shard, replica: shard.replicas.get(version) }));
  const ready = reports.filter(({ shard, replica }) => !shard.stale && replica?.state === 'ready');
  return {
    version,
    label: arms[0]?.label ?? '',
    region,
    wanted: Math.min(asked, here.length),
    placed: holders.length,
    loaded: reports.filter(({ replica }) => replica?.state === 'warming' || replica?.state === 'ready')
      .length,
    ready: ready.length,
    confirmed: ready.filter(({ shard }) => shard.heardMs > sinceMs).length,
    failed: reports.flatMap(({ shard, replica }) =>
      replica?.state === 'failed'
        ? [{ shard: shard.shard, reason: replica.reason ?? 'no reason given' }]
        : [],
    ),
  };
}

function byVersion(arms: readonly PlanArm[]): Map<Digest, PlanArm[]> {
  const found = new Map<Digest, PlanArm[]>();
  for (const arm of arms) found.set(arm.version, [...(found.get(arm.version) ?? []), arm]);
  return found;
}
