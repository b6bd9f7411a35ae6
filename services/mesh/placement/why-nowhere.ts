// Why no shard there is may hold an endpoint for these users: the law of may-lie.ts, said in words. Whoever refuses a request for want
// of replicas leans on it; a shard that may hold it can still come, so that deploying it is no mistake.
import type { ShardDevice } from '../../../contracts/heartbeat.js';
import { deviceClassOf } from '../../../contracts/placement.js';
import type { EndpointRecord } from '../../../contracts/registry.js';

export interface ShardPlace {
  readonly region: string;
  /** Undefined where the shard has not said yet. */
  readonly device?: Pick<ShardDevice, 'kind' | 'pool'> | undefined;
}

/**
 * `pool`: the one that is kept for the users who ask, undefined for users of none. Undefined where some shard may hold it, or where none
 * has been heard of yet.
 */
export function whyNowhere(
  { placement }: Pick<EndpointRecord, 'placement'>,
  pool: string | undefined,
  shards: Iterable<ShardPlace>,
): string | undefined {
  const { regions, devices } = placement ?? {};
  const kinds = new Set<string>();
  let heard = false;
  let fitting = 0;
  for (const { region, device } of shards) {
    heard = true;
    if (regions && !regions.includes(region)) continue;
    const kind = deviceClassOf(device?.kind ?? 'cpu');
    kinds.add(kind);
    if (devices && !devices.includes(kind)) continue;
    if (device?.pool === pool) return undefined;
    fitting++;
  }
  if (!heard) return undefined;
  const where = regions ? ` in ${regions.join(', ')}` : '';
  if (kinds.size === 0) return `residency: there is no shard${where}`;
  if (fitting === 0)
    return `device: it is to run on ${devices?.join(' or ')}, and the shards${where} have ${[...kinds].join(' and ')}`;
  const on = devices ? ` with ${devices.join(' or ')}` : '';
  return pool === undefined
    ? `pool: all shards${where}${on} are kept for the users of pools`
    : `pool: no shard${where}${on} is kept for "${pool}"`;
}
