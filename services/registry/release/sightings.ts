// What shards say of their replicas, for releases: how far each version is on each shard. Told by the conductor what was heard.
import { type Heartbeat, HEARTBEAT_STALE_MS, type ReplicaReport } from '../../../contracts/heartbeat.js';
import type { Digest } from '../../../contracts/names.js';
import { GONE_MS } from '../census.js';

export interface Sighting {
  readonly shard: string;
  readonly region: string;
  readonly heardMs: number;
  readonly draining: boolean;
  readonly replicas: ReadonlyMap<
    Digest,
    { readonly state: ReplicaReport['state']; readonly reason?: string }
  >;
  /** Too old to say what is ready now. */
  readonly stale: boolean;
}

export class Sightings {
  private readonly byShard = new Map<string, { readonly sign: Heartbeat; readonly heardMs: number }>();

  /** Times are the wall clock's: they are compared with those in records. */
  heard(sign: Heartbeat, nowMs: number): void {
    this.byShard.set(sign.shard, { sign, heardMs: nowMs });
  }

  shards(nowMs: number): Sighting[] {
    const seen: Sighting[] = [];
    for (const [shard, { sign, heardMs }] of this.byShard) {
      const silentMs = nowMs - heardMs;
      if (silentMs >= GONE_MS) {
        this.byShard.delete(shard);
        continue;
      }
      seen.push({
        shard,
        region: sign.region,
        heardMs,
        draining: sign.state === 'draining',
        stale: silentMs >= HEARTBEAT_STALE_MS,
        replicas: new Map(
          sign.replicas.map(({ version, state, reason }) => [
            version,
            { state, ...(reason !== undefined && { reason }) },
          ]),
        ),
      });
    }
    return seen;
  }
}
