// Whether a shard may hold an endpoint at all: residency, pools and device kinds. Law for every placement, with a policy or without;
// what a policy prefers comes after it.
import { deviceClassOf } from '../../../contracts/placement.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { ShardView } from './shard-view.js';

export function mayLie({ placement }: Pick<EndpointRecord, 'placement'>, shard: ShardView): boolean {
  if (!placement) return shard.device?.pool === undefined;
  if (placement.regions && !placement.regions.includes(shard.region)) return false;
  if (placement.devices && !placement.devices.includes(deviceClassOf(shard.device?.kind ?? 'cpu')))
    return false;
  return poolsOf({ placement }).has(shard.device?.pool);
}

/** Of its users: undefined for those that no pool is kept for. */
export function poolsOf({ placement }: Pick<EndpointRecord, 'placement'>): ReadonlySet<string | undefined> {
  return new Set([placement?.pool, ...Object.values(placement?.pools ?? {})]);
}

/** Shards that some of its users are pinned to. */
export const pinnedTo = ({ pins = {} }: Pick<EndpointRecord, 'pins'>): ReadonlySet<string> =>
  new Set(Object.values(pins));
