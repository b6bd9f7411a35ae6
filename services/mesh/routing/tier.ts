// How good a replica is for a request, in a few tiers: the best tier that has anybody is asked, whatever its load. The route leans
// on it, and `massif explain` says a replica's tier in words.
import type { Digest } from '../../../contracts/names.js';
import { limitFor } from './limit-share.js';
import { cheaper } from '../power-of-two.js';
import type { Random } from '../random.js';

export interface ReplicaView {
  readonly id: string;
  readonly shard: string;
  readonly region: string;
  readonly version: Digest;
  /** It said so last. */
  readonly ready: boolean;
  /** It gives its sequences away and takes no other requests. */
  readonly leaving?: boolean;
  /** Open sequences, of a stateful version. */
  readonly sequences?: number;
  /** It said something lately, and a connection leads to it. */
  readonly fresh: boolean;
  readonly inFlight: number;
  readonly capacity: number;
  /** Of those in flight, what we sent there ourselves; all of them when not given. */
  readonly own?: number;
  /** How many of ours it would have now: its capacity when not given. */
  readonly limit?: number;
  /** It sent one away and named this time for the next. */
  readonly fullUntilMs?: number;
  /** What each request before ours adds to our wait; 0: nobody knows. */
  readonly itemMs?: number;
  readonly latencyMs: number;
  /** Its breaker lets nothing through. */
  readonly blocked: boolean;
  /** Milliseconds of cost for recent failures. */
  readonly penalty: number;
  /** Its shard is kept for the users of this pool. */
  readonly pool?: string | undefined;
  /** murmur3 of the shard, where somebody took it before. */
  readonly hash?: number;
}

/** A few failures in a row without a success between them; see penalty.ts for how it grows and fades. */
export const SUSPECT_PENALTY_MS = 5_000;

/** What a request asks of a replica; the time comes with it. */
export interface Asking {
  /** Replicas tried already. */
  readonly exclude?: ReadonlySet<string> | undefined;
  readonly nowMs?: number | undefined;
  /** Of its deadline. */
  readonly leftMs?: number | undefined;
  /** 0 is the default. */
  readonly priority?: number | undefined;
}

/** Why a replica that is well does not take the request now: others may, and so may it a moment later. */
const AT_ITS_LIMIT = 'at its limit';
const TOO_LATE = 'busy for longer than the request has time';
export const isFull = (why: number | string): boolean => why === AT_ITS_LIMIT || why === TOO_LATE;

/** An estimate of a queue is rough: a request is turned away for a wait of so many times its time. */
const WAIT_FACTOR = 1.25;

// From here on two random draws are tried before all replicas are looked at.
export const SCAN_MAX = 24;
const DRAWS_MAX = 8;

/** What stands between a replica and the request, best first. Lower ones are asked only when no higher one exists. */
export const TIERS = [
  'eligible',
  'eligible, in another region',
  'at capacity or failing lately',
  'at capacity or failing lately, in another region',
  'not heard of lately',
  'not heard of lately, in another region',
] as const;

/** Index into TIERS, or why the replica cannot be asked at all. */
export function tierOf(replica: ReplicaView, region: string, asking: Asking = {}): number | string {
  const { exclude, nowMs = 0, priority = 0 } = asking;
  if (!replica.ready) return 'not ready';
  if (replica.blocked) return 'breaker blocked';
  if (exclude?.has(replica.id)) return 'tried already';
  const { own = replica.inFlight, limit = replica.capacity, fullUntilMs = 0 } = replica;
  if (own >= limitFor(limit, priority) || nowMs < fullUntilMs) return AT_ITS_LIMIT;
  if (asking.leftMs !== undefined && waitMs(replica) > asking.leftMs * WAIT_FACTOR) return TOO_LATE;
  const away = replica.region === region ? 0 : 1;
  if (!replica.fresh) return 4 + away;
  return replica.inFlight >= replica.capacity || replica.penalty >= SUSPECT_PENALTY_MS ? 2 + away : away;
}

/** Until a request that came now would begin to run, as far as our own go: those of others are known by heartbeats, too old to refuse for. */
const waitMs = ({ own, inFlight, itemMs = 0 }: ReplicaView): number => (own ?? inFlight) * itemMs;

/** When a full replica will have done what it holds. */
export const drainMs = (replica: ReplicaView, nowMs = 0): number =>
  Math.ceil(Math.max(waitMs(replica), (replica.fullUntilMs ?? 0) - nowMs, 1));

/** Two draws among the best tier, without looking at all; undefined when chance finds no two. */
export function drawTwo(
  replicas: readonly ReplicaView[],
  region: string,
  asking: Asking,
  random: Random,
): ReplicaView | undefined {
  let first: ReplicaView | undefined;
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const drawn = replicas[Math.floor(random() * replicas.length)] as ReplicaView;
    if (drawn === first || tierOf(drawn, region, asking) !== 0) continue;
    if (first) return cheaper(first, drawn);
    first = drawn;
  }
  return undefined;
}

/** The replicas of the best tier that has any, and which it is. */
export function bestTier(
  replicas: readonly ReplicaView[],
  region: string,
  asking: Asking,
): [ReplicaView[], number] {
  let tier: number = TIERS.length;
  let found: ReplicaView[] = [];
  for (const replica of replicas) {
    const its = tierOf(replica, region, asking);
    if (typeof its === 'string' || its > tier) continue;
    if (its < tier) {
      tier = its;
      found = [];
    }
    found.push(replica);
  }
  return [found, tier];
}
