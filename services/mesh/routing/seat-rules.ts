// Which of a version's replicas may answer a request at all, by residency and by the pool that is kept for its tenant, and which one its user is pinned
// to. The route asks before it looks at load.
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { ReplicaView } from './tier.js';

type Seating = Pick<EndpointRecord, 'placement' | 'pins'>;

/** The same version may lie in more regions for another endpoint; this one's users are answered in its own alone, whatever fails. */
export function resident<T extends ReplicaView>(
  replicas: readonly T[],
  { placement }: Seating,
): readonly T[] {
  const regions = placement?.regions;
  return regions ? replicas.filter(({ region }) => regions.includes(region)) : replicas;
}

/** All of them where the endpoint knows no pools. A pool is for its users alone, and they for it. */
export function inPool<T extends ReplicaView>(
  replicas: readonly T[],
  { placement }: Seating,
  tenant: string | undefined,
): readonly T[] {
  if (placement?.pool === undefined && placement?.pools === undefined) return replicas;
  const pool = poolFor({ placement }, tenant);
  return replicas.filter((replica) => replica.pool === pool);
}

export const poolFor = ({ placement }: Seating, tenant: string | undefined): string | undefined =>
  (tenant !== undefined && placement?.pools && Object.hasOwn(placement.pools, tenant)
    ? placement.pools[tenant]
    : undefined) ?? placement?.pool;

export const pinOf = ({ pins }: Seating, user: string | undefined): string | undefined =>
  pins && user !== undefined && Object.hasOwn(pins, user) ? pins[user] : undefined;
