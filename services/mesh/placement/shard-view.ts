// A shard as placing sees it, made of what its heartbeat says. The placer, the placement policies and `massif place` lean on it.
import type { Heartbeat, ReplicaReport, ShardDevice } from '../../../contracts/heartbeat.js';
import type { Digest } from '../../../contracts/names.js';

export interface ShardView {
  readonly id: string;
  readonly region: string;
  /** `draining` keeps what it has until it is gone and gets nothing new; `gone` is gone for good. */
  readonly state: 'open' | 'draining' | 'gone';
  /** Undefined where the shard does not say. */
  readonly device?: ShardDevice;
  /** What a request costs there, measured. */
  readonly itemMs?: ReadonlyMap<Digest, number>;
  /** What it can answer for at this moment. */
  readonly ready: ReadonlySet<Digest>;
}

export interface PlacedVersion {
  readonly model: string;
  readonly version: Digest;
}

/** What lies on each shard. */
export type Placements = ReadonlyMap<string, readonly PlacedVersion[]>;

/** What a replica of a version takes, in bytes; undefined where unknown. */
export type MemoryOf = (version: Digest) => number | undefined;

/** The rest is for the host, a spare engine and the tensors of running requests. */
export const MEMORY_SHARE_MAX = 0.8;

/** What of a heartbeat matters here. */
export type Sign = Pick<Heartbeat, 'shard' | 'region' | 'state' | 'cordoned' | 'device'> & {
  readonly replicas: readonly Pick<ReplicaReport, 'version' | 'state' | 'itemMs'>[];
};

export function viewOf({ shard, region, state, cordoned, device, replicas }: Sign): ShardView {
  return {
    id: shard,
    region,
    state: state === 'draining' || cordoned ? 'draining' : 'open',
    device,
    itemMs: new Map(replicas.flatMap(({ version, itemMs }) => (itemMs ? [[version, itemMs]] : []))),
    ready: new Set(replicas.filter((one) => one.state === 'ready').map((one) => one.version)),
  };
}
