// The shards that an endpoint has seats on: those that its plan names, and those that users are pinned to. Pure; `place` fills them
// first.
import type { EndpointRecord } from '../../contracts/registry.js';
import { mayLie, pinnedTo } from '../mesh/placement/may-lie.js';
import type { Placements, ShardView } from '../mesh/placement/shard-view.js';

/**
 * First the new replicas, then away with the old ones: as long as one of its seats is not ready, the endpoint keeps all that it holds
 * besides. `planned`: undefined where no plan speaks of it.
 */
export function seatsNow(
  endpoint: EndpointRecord,
  planned: Iterable<string> | undefined,
  shards: readonly ShardView[],
  current: Placements,
): ReadonlySet<string> {
  const open = shards.filter(({ state }) => state === 'open');
  const pinned = open.filter((one) => pinnedTo(endpoint).has(one.id) && mayLie(endpoint, one));
  const seats = new Set([...(planned ?? []), ...pinned.map(({ id }) => id)]);
  if (seats.size === 0) return seats;
  const versions = endpoint.variants.filter(({ weight }) => weight > 0).map(({ version }) => version);
  const growing = open.some(({ id, ready }) => seats.has(id) && !versions.every((one) => ready.has(one)));
  if (!growing) return seats;
  for (const { id } of open)
    if ((current.get(id) ?? []).some(({ version }) => versions.includes(version))) seats.add(id);
  return seats;
}
