// How many spares each stage of a split model gets when nobody says: one, where the shards have room for it. A spare is a replica that is
// loaded and ready; routes use it as they use the first, so that what a killed shard had goes on there inside the request's deadline. Pure.
import { MEMORY_SHARE } from '../../services/mesh/placement/setting.js';

export interface ShardRoom {
  readonly region: string;
  /** Neither leaving nor cordoned. */
  readonly open: boolean;
  readonly memoryBytes: number;
  /** Of its engines, measured. */
  readonly usedBytes: number;
}

export interface StageNeed {
  /** Undefined: it lies in every region. */
  readonly region: string | undefined;
  /** Of a replica. */
  readonly memoryBytes: number;
}

export interface SparesChosen {
  readonly spares: 0 | 1;
  /** In words, where there is none. */
  readonly why?: string;
}

/** A second copy of a stage lies on another shard of its region, and takes memory there as the first does. */
export function chooseSpares(stages: readonly StageNeed[], shards: readonly ShardRoom[]): SparesChosen {
  const open = shards.filter((shard) => shard.open);
  const regions = new Set(open.map(({ region }) => region));
  for (const { region } of stages) if (region !== undefined) regions.add(region);
  for (const region of regions) {
    const here = open.filter((shard) => shard.region === region);
    const needed = stages.filter((stage) => stage.region === undefined || stage.region === region);
    if (needed.length === 0) continue;
    if (here.length < 2)
      return { spares: 0, why: `${region} has ${here.length === 1 ? 'one shard' : 'no shard'}` };
    const wanted = 2 * needed.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const free = here.reduce(
      (sum, { memoryBytes, usedBytes }) => sum + Math.max(0, MEMORY_SHARE * memoryBytes - usedBytes),
      0,
    );
    if (wanted > free) return { spares: 0, why: `the shards of ${region} have no memory for a second copy` };
  }
  if (regions.size === 0) return { spares: 0, why: 'no shard was heard of' };
  return { spares: 1 };
}
