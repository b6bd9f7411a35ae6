// What Consul says of a shard that has fallen silent, for the RouteView: it may drop a dead one at once instead of asking it last.
import type { Discovery } from './discovery.js';

export const SHARD_SERVICE = 'shard';

/** True: its check passes. False: critical or deregistered. Undefined: Consul has not said anything yet. */
export function shardLiveness(
  discovery: Pick<Discovery, 'watchEverywhere'>,
  regions: readonly string[],
  signal: AbortSignal,
): (shard: string) => boolean | undefined {
  const heardFrom = new Set<string>();
  const passing = new Set<string>();
  discovery.watchEverywhere(
    SHARD_SERVICE,
    regions,
    (instances) => {
      passing.clear();
      for (const { id, meta, region, passing: passes } of instances) {
        heardFrom.add(region);
        if (passes) passing.add(meta['instance'] ?? id);
      }
    },
    signal,
  );
  return (shard) => {
    if (heardFrom.size < regions.length) return passing.has(shard) || undefined;
    return passing.has(shard);
  };
}
