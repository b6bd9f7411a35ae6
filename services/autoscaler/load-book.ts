// What the shards and the waiting rooms say, added up by version, endpoint and region: the observations that decisions are made
// on. Knows no clock and no bus; the autoscaler tells it what was heard and when.
import type { Heartbeat, ReplicaReport } from '../../contracts/heartbeat.js';
import type { Digest } from '../../contracts/names.js';
import { WAITING_STALE_MS, type WaitingNotice } from '../../contracts/scaling.js';
import type { ReplicaStatistics, StatisticsReply } from '../../contracts/statistics.js';

/** What of a heartbeat matters here. */
export type Beat = Pick<Heartbeat, 'shard' | 'region' | 'pid' | 'state' | 'cordoned' | 'device'> & {
  readonly replicas: readonly Pick<
    ReplicaReport,
    'id' | 'version' | 'state' | 'inFlight' | 'served' | 'failed' | 'itemMs' | 'latencyMs'
  >[];
};

export interface Load {
  /** Requests that were answered since the book began, those under way and those that wait: grows, but for who gave up. */
  readonly arrived: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly ready: number;
  readonly loading: number;
  readonly itemMs: number;
  readonly curve: ReplicaStatistics['curve'];
  /** The youngest word of a shard of the region; undefined: nobody was ever heard. */
  readonly heardMs: number | undefined;
  /** Shards of the region that take placements. */
  readonly shards: number;
}

export interface Sums {
  /** Endpoints that somebody waits for, by name. */
  readonly waitedFor: ReadonlySet<string>;
  /** Whether a version was asked for within the last beats of its shards. */
  isCalled(version: string): boolean;
  load(endpoint: string, versions: readonly string[], region: string): Load;
}

/** Longer than a host takes to come back; then it is another shard. */
const SILENT_MS = 5_000;
const FORGET_MS = 60_000;
/** Three beats. */
const CALLED_MS = 1_500;

interface Heard {
  readonly beat: Beat;
  readonly byId: ReadonlyMap<string, Replica>;
  readonly atMs: number;
  /** By replica, how many requests it had ended when its curve was told last. */
  readonly learnedAt: Map<string, number>;
}

type Replica = Beat['replicas'][number];

export class LoadBook {
  private readonly shards = new Map<string, Heard>();
  /** Shards that have a replica, by `version region`. */
  private readonly holding = new Map<string, Map<string, Replica>>();
  /** Answers by `version region`. */
  private readonly answered = new Map<string, number>();
  /** When a version was last seen at work, anywhere. */
  private readonly calledMs = new Map<string, number>();
  private readonly rooms = new Map<string, { readonly notice: WaitingNotice; readonly atMs: number }>();
  private readonly curves = new Map<string, ReplicaStatistics['curve']>();

  heard(beat: Beat, nowMs: number): void {
    const { shard, region } = beat;
    const before = this.shards.get(shard);
    const sameLife = before?.beat.pid === beat.pid;
    const byId = new Map(beat.replicas.map((one) => [one.id, one]));
    for (const replica of beat.replicas) {
      const known = before?.byId.get(replica.id);
      if (replica.inFlight > 0) this.calledMs.set(replica.version, nowMs);
      // Of hundreds one has changed.
      if (known === replica && sameLife) continue;
      this.hold(shard, region, replica);
      const was = sameLife ? known : undefined;
      const total = endedOf(replica);
      const earlier = was ? endedOf(was) : 0;
      // What a replica did before we listened is not news; a counter that went back began anew.
      const fresh = was || before ? (total >= earlier ? total - earlier : total) : 0;
      if (fresh === 0) continue;
      const key = `${replica.version} ${region}`;
      this.calledMs.set(replica.version, nowMs);
      this.answered.set(key, (this.answered.get(key) ?? 0) + fresh);
    }
    const learnedAt = (sameLife ? before?.learnedAt : undefined) ?? new Map<string, number>();
    for (const replica of before?.byId.values() ?? []) {
      if (byId.has(replica.id)) continue;
      this.letGo(shard, region, replica);
      learnedAt.delete(replica.id);
    }
    this.shards.set(shard, { beat, byId, atMs: nowMs, learnedAt });
  }

  private hold(shard: string, region: string, replica: Replica): void {
    const key = `${replica.version} ${region}`;
    const holders = this.holding.get(key) ?? new Map<string, Replica>();
    this.holding.set(key, holders.set(shard, replica));
  }

  private letGo(shard: string, region: string, { version }: Replica): void {
    const key = `${version} ${region}`;
    const holders = this.holding.get(key);
    holders?.delete(shard);
    if (holders?.size === 0) this.holding.delete(key);
  }

  waits(notice: WaitingNotice, nowMs: number): void {
    const key = `${notice.source} ${notice.endpoint}`;
    if (notice.waiting === 0) this.rooms.delete(key);
    else this.rooms.set(key, { notice, atMs: nowMs });
  }

  learned({ shard, region, replicas }: StatisticsReply): void {
    const heard = this.shards.get(shard);
    for (const { replica: id, version, curve } of replicas) {
      if (curve.length > 0) this.curves.set(`${version} ${region}`, curve);
      const replica = heard?.byId.get(id);
      if (replica) heard?.learnedAt.set(id, endedOf(replica));
    }
  }

  regions(): string[] {
    return [...new Set([...this.shards.values()].map(({ beat }) => beat.region))].sort();
  }

  /** Those of a region that were heard lately. */
  beats(region: string, nowMs: number): Beat[] {
    return [...this.shards.values()]
      .filter(({ beat, atMs }) => beat.region === region && nowMs - atMs <= SILENT_MS)
      .map(({ beat }) => beat);
  }

  /** By shard, the versions of which it ended requests since their curves were told, and those whose curves it never told. */
  unlearned(): Map<string, Digest[]> {
    const byShard = new Map<string, Digest[]>();
    for (const [shard, { beat, learnedAt }] of this.shards) {
      const ran = beat.replicas.filter(
        (one) => one.state === 'ready' && learnedAt.get(one.id) !== endedOf(one),
      );
      if (ran.length > 0) byShard.set(shard, [...new Set(ran.map(({ version }) => version))]);
    }
    return byShard;
  }

  /** Everything as of now, added up once for all endpoints that are looked at. */
  sums(nowMs: number): Sums {
    const silent = new Set<string>();
    const regions = new Map<string, { heardMs: number; shards: number }>();
    for (const [shard, { beat, atMs }] of this.shards) {
      const region = regions.get(beat.region) ?? { heardMs: atMs, shards: 0 };
      regions.set(beat.region, region);
      region.heardMs = Math.max(region.heardMs, atMs);
      if (nowMs - atMs > SILENT_MS) silent.add(shard);
      else if (beat.state !== 'draining' && !beat.cordoned) region.shards++;
    }
    const waiting = new Map<string, number>();
    const waitedFor = new Set<string>();
    for (const { notice, atMs } of this.rooms.values()) {
      if (nowMs - atMs > WAITING_STALE_MS) continue;
      const key = `${notice.endpoint} ${notice.region}`;
      waiting.set(key, (waiting.get(key) ?? 0) + notice.waiting);
      waitedFor.add(notice.endpoint);
    }
    return {
      waitedFor,
      isCalled: (version) => nowMs - (this.calledMs.get(version) ?? Number.NEGATIVE_INFINITY) <= CALLED_MS,
      load: (endpoint, versions, region) => {
        const share = versions
          .flatMap((version) => [...(this.holding.get(`${version} ${region}`) ?? [])])
          .filter(([shard]) => !silent.has(shard))
          .reduce((sum, [, replica]) => withReplica(sum, replica), NO_SHARE);
        const answered = versions.reduce(
          (sum, version) => sum + (this.answered.get(`${version} ${region}`) ?? 0),
          0,
        );
        const waits = waiting.get(`${endpoint} ${region}`) ?? 0;
        const { inFlight, ready, loading, itemMsSum, itemMsCount } = share;
        return {
          arrived: answered + inFlight + waits,
          inFlight,
          waiting: waits,
          ready,
          loading,
          itemMs: itemMsCount > 0 ? itemMsSum / itemMsCount : 0,
          curve: versions.map((version) => this.curves.get(`${version} ${region}`)).find(Boolean) ?? [],
          heardMs: regions.get(region)?.heardMs,
          shards: regions.get(region)?.shards ?? 0,
        };
      },
    };
  }

  forget(nowMs: number): void {
    for (const [shard, { beat, atMs }] of this.shards) {
      if (nowMs - atMs <= FORGET_MS) continue;
      for (const replica of beat.replicas) this.letGo(shard, beat.region, replica);
      this.shards.delete(shard);
    }
    for (const [key, { atMs }] of this.rooms) if (nowMs - atMs > WAITING_STALE_MS) this.rooms.delete(key);
    for (const [version, atMs] of this.calledMs) if (nowMs - atMs > CALLED_MS) this.calledMs.delete(version);
  }
}

const endedOf = ({ served, failed }: Replica): number => served + failed;

interface Share {
  readonly inFlight: number;
  readonly ready: number;
  readonly loading: number;
  readonly itemMsSum: number;
  readonly itemMsCount: number;
}

const NO_SHARE: Share = { inFlight: 0, ready: 0, loading: 0, itemMsSum: 0, itemMsCount: 0 };

function withReplica(share: Share, { state, inFlight, itemMs, latencyMs }: Replica): Share {
  const took = itemMs ?? latencyMs;
  return {
    inFlight: share.inFlight + inFlight,
    ready: share.ready + (state === 'ready' ? 1 : 0),
    loading: share.loading + (state === 'loading' || state === 'warming' ? 1 : 0),
    itemMsSum: share.itemMsSum + took,
    itemMsCount: share.itemMsCount + (took > 0 ? 1 : 0),
  };
}
