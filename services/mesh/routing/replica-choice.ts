// Which replica of a version gets a request: the best tier that has anybody; the user's seat among them, or the cheaper of two; and
// another region's when the own one is nearly full. Pure; route.ts asks.
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { Say } from './arm-choice.js';
import { murmur3 } from '../murmur3.js';
import { powerOfTwo } from '../power-of-two.js';
import type { Random } from '../random.js';
import { rendezvous } from '../rendezvous.js';
import { firstSeat } from './sequence-route.js';
import { type DistanceMs, nearby, spill } from './spill.js';
import { type Asking, bestTier, drawTwo, type ReplicaView, SCAN_MAX, TIERS } from './tier.js';

interface Here {
  readonly region: string;
  readonly distanceMs?: DistanceMs;
}

export function chooseReplica(
  replicas: readonly ReplicaView[],
  { region, distanceMs = SAME }: Here,
  request: Asking & { readonly user?: string | undefined },
  random: Random,
  say?: Say,
  sequence?: Sequence,
): ReplicaView | undefined {
  const { user } = request;
  if (user === undefined && !say && !sequence && replicas.length > SCAN_MAX) {
    const drawn = drawTwo(replicas, region, request, random);
    if (drawn) return choose(spill(drawn, replicas, region, request, distanceMs, random), random) ?? drawn;
  }
  const [best, tier] = bestTier(replicas, region, request);
  // The odd tiers are those of other regions.
  const candidates = tier % 2 === 1 ? nearby(best, replicas, request, distanceMs).replicas : best;
  say?.(`${best.length} of ${replicas.length} replicas are ${TIERS[tier] ?? 'of use'}`);
  if (candidates.length < best.length) say?.(`${candidates.length} of them in the nearest region with room`);
  // State does not travel: a sequence begins where it will stay.
  if (sequence) {
    const seat = firstSeat(sequence.id, candidates);
    if (seat) say?.(`${seat.id} is the sequence's first choice that has room for another one`);
    return seat;
  }
  const chosen = choose(candidates, random, user, say);
  const away = chosen && tier === 0 && spill(chosen, replicas, region, request, distanceMs, random);
  if (!away) return chosen;
  say?.(`${region} is nearly full, and ${away.length} replicas elsewhere have room`);
  return choose(away, random, user, say);
}

const SAME: DistanceMs = () => 0;

function choose(
  candidates: readonly ReplicaView[] | undefined,
  random: Random,
  user?: string,
  say?: Say,
): ReplicaView | undefined {
  if (candidates === undefined) return undefined;
  if (user === undefined) {
    const chosen = powerOfTwo(candidates, random);
    if (chosen) say?.(`${chosen.id} is the cheaper of two drawn by latency x requests in flight`);
    return chosen;
  }
  const seat = rendezvous(user, withoutSlow(candidates), hashOf);
  if (seat) say?.(`${seat.id} is the user's first choice that has room`);
  return seat;
}

const hashOf = (replica: ReplicaView): number => replica.hash ?? murmur3(replica.shard);

/** A user's seat is not worth a replica that is many times slower than another one. */
function withoutSlow(candidates: readonly ReplicaView[]): readonly ReplicaView[] {
  let best = Number.POSITIVE_INFINITY;
  for (const { latencyMs } of candidates) if (latencyMs < best) best = latencyMs;
  const tooSlow = Math.max(best * SLOW_TIMES, best + SLOW_MS);
  return candidates.filter(({ latencyMs }) => latencyMs <= tooSlow);
}

const SLOW_TIMES = 5;
const SLOW_MS = 25;
