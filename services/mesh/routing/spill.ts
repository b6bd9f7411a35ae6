// Local first, and away in time: which requests leave a region that could still take them, and to which other region they go. NATS
// knows "local while anybody listens" only, so a region that is full would refuse while its neighbour is idle. Pure; route.ts asks,
// and so router, gateway and client do. There is no switch that could flap: each request is weighed by the loads of its moment.
import { limitFor } from './limit-share.js';
import { murmur3 } from '../murmur3.js';
import type { Random } from '../random.js';
import { score } from '../rendezvous.js';
import { type Asking, isFull, type ReplicaView, tierOf } from './tier.js';

/** Of what a region can take: from here on a growing part of its requests leaves it. */
export const SPILL_FROM = 0.85;
/** Only regions below this take in others' requests: what lies between keeps two busy regions from swapping their work. */
export const ROOM_BELOW = 0.7;

/** Round trip to another region in milliseconds. */
export type DistanceMs = (region: string) => number;

/** How full a replica is for this request, 0 to 1. */
export function loadOf(replica: ReplicaView, region: string, asking: Asking = {}): number {
  if (isFull(tierOf(replica, region, asking))) return 1;
  const { own = replica.inFlight, limit = replica.capacity, inFlight, capacity } = replica;
  return Math.min(1, Math.max(own / limitFor(limit, asking.priority ?? 0), inFlight / capacity));
}

/** Of all its replicas that answer at all, by what each could take; 1 where there are none. */
export function loadOfRegion(replicas: readonly ReplicaView[], region: string, asking: Asking = {}): number {
  let used = 0;
  let room = 0;
  for (const replica of replicas) {
    if (replica.region !== region || !replica.ready || replica.blocked || !replica.fresh) continue;
    const limit = replica.limit ?? replica.capacity;
    room += limit;
    used += limit * loadOf(replica, region, asking);
  }
  return room === 0 ? 1 : used / room;
}

/** Which part of the requests leaves a region so loaded: none up to SPILL_FROM, all when it is full. */
export const spillShare = (load: number): number =>
  Math.min(1, Math.max(0, (load - SPILL_FROM) / (1 - SPILL_FROM)));

/** A user who leaves is always among the first to leave, so that the others keep their seats. */
const drawOf = (user: string | undefined, random: Random): number =>
  user === undefined ? random() : score(murmur3(user), SPILL_HASH);
const SPILL_HASH = murmur3('spill');

/**
 * For a request whose best choice in its own region is `chosen`: replicas of other regions that take it instead; undefined when it
 * stays. What is not busy itself is not left, so an idle region costs nothing here.
 */
export function spill(
  chosen: ReplicaView,
  replicas: readonly ReplicaView[],
  region: string,
  asking: Asking & { readonly user?: string | undefined },
  distanceMs: DistanceMs,
  random: Random,
): ReplicaView[] | undefined {
  if (loadOf(chosen, region, asking) <= SPILL_FROM) return undefined;
  const share = spillShare(loadOfRegion(replicas, region, asking));
  if (share === 0 || drawOf(asking.user, random) >= share) return undefined;
  const away = replicas.filter((replica) => tierOf(replica, region, asking) === 1);
  const found = nearby(away, replicas, asking, distanceMs);
  return found.hasRoom ? found.replicas : undefined;
}

/** Regions this much farther than the nearest are as near: a measured round trip is never twice the same. */
const AS_NEAR_TIMES = 1.25;
const AS_NEAR_MS = 1;

/** Of candidates in other regions: those of the nearest regions that have room; where none has, all that there are. */
export function nearby(
  candidates: readonly ReplicaView[],
  replicas: readonly ReplicaView[],
  asking: Asking,
  distanceMs: DistanceMs,
): { readonly replicas: ReplicaView[]; readonly hasRoom: boolean } {
  const regions = [...new Set(candidates.map((replica) => replica.region))];
  const open = regions.filter((region) => loadOfRegion(replicas, region, asking) < ROOM_BELOW);
  if (open.length === 0) return { replicas: [...candidates], hasRoom: false };
  const nearestMs = Math.min(...open.map(distanceMs));
  const near = new Set(
    open.filter(
      (region) => distanceMs(region) <= Math.max(nearestMs * AS_NEAR_TIMES, nearestMs + AS_NEAR_MS),
    ),
  );
  return { replicas: candidates.filter(({ region }) => near.has(region)), hasRoom: true };
}
