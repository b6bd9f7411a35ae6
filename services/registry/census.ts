// Which shards there are, from heartbeats and from Consul, without being nervous: the placer moves models only for a shard that
// is gone for good. Knows no clock and no bus; the placer tells it what was heard and when.
import { isDeepStrictEqual } from 'node:util';
import { HEARTBEAT_STALE_MS } from '../../contracts/heartbeat.js';
import type { Digest } from '../../contracts/names.js';
import { type ShardView, type Sign, viewOf } from '../mesh/placement/shard-view.js';

// A host that restarts, a leaf link that reconnects and a busy agent's TTL check all come back within this time, and moving a
// model costs a load on another shard.
export const GONE_MS = 5_000;
// Consul's table may be the last good one of a Consul that is away: without a heartbeat it prolongs a life only this long.
export const GONE_WHATEVER_CONSUL_SAYS_MS = 15_000;
// Its record is empty by then, and a name that comes back is a new shard.
const FORGET_MS = 10 * 60_000;

interface Seen {
  readonly sign: Sign;
  readonly heardMs: number;
  /** Made when somebody looks: of hundreds of replicas more is said than is looked at. */
  view?: ShardView;
}

export class Census {
  private readonly heardOf = new Map<string, Seen>();
  private readonly listed = new Map<string, ReadonlySet<string>>();

  /** True when this shard is new, or says something of itself that matters for placing. */
  heard(sign: Sign, nowMs: number): boolean {
    const before = this.heardOf.get(sign.shard);
    this.heardOf.set(sign.shard, { sign, heardMs: nowMs });
    return (
      before === undefined ||
      nowMs - before.heardMs > GONE_MS ||
      before.sign.state !== sign.state ||
      before.sign.cordoned !== sign.cordoned ||
      before.sign.region !== sign.region ||
      !isDeepStrictEqual(before.sign.device, sign.device)
    );
  }

  /** What Consul lists as passing in a region; every call replaces the region's list. */
  consulLists(region: string, shards: Iterable<string>): void {
    this.listed.set(region, new Set(shards));
  }

  has(shard: string): boolean {
    return this.heardOf.has(shard);
  }

  /** What it has or is about to have, as it said last. */
  versionsOn(shard: string): Digest[] {
    return this.heardOf.get(shard)?.sign.replicas.map(({ version }) => version) ?? [];
  }

  /**
   * All that were heard of, the silent ones for a while as gone. In a region where nobody is heard all are gone at once: then it
   * is the region that is away, and `place` leaves it alone, instead of moving everything to whoever spoke last.
   */
  shards(nowMs: number): ShardView[] {
    const views: ShardView[] = [];
    const latest = this.latestByRegion();
    for (const [id, seen] of this.heardOf) {
      const { sign, heardMs } = seen;
      const silentMs = nowMs - heardMs;
      const regionSilentMs = nowMs - (latest.get(sign.region) ?? 0);
      const gone = silentMs >= this.patienceMs(sign) || regionSilentMs >= HEARTBEAT_STALE_MS;
      if (silentMs >= FORGET_MS) this.heardOf.delete(id);
      else {
        seen.view ??= viewOf(sign);
        views.push(gone ? { ...seen.view, state: 'gone' } : seen.view);
      }
    }
    return views.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private latestByRegion(): Map<string, number> {
    const latest = new Map<string, number>();
    for (const { sign, heardMs } of this.heardOf.values())
      latest.set(sign.region, Math.max(heardMs, latest.get(sign.region) ?? heardMs));
    return latest;
  }

  private patienceMs({ region, shard }: Sign): number {
    return this.listed.get(region)?.has(shard) === true ? GONE_WHATEVER_CONSUL_SAYS_MS : GONE_MS;
  }
}
