// Which replica gets a step of a sequence. A first step goes to the sequence's best seat in rendezvous order that has room, by how
// many sequences are open there; a later one to whoever had it last, else to all that may have it, in the same order, until one
// knows it. Pure; route.ts asks.
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { ErrorCode } from '../../../contracts/errors.js';
import type { EndpointRecord, Variant } from '../../../contracts/registry.js';
import { murmur3 } from '../murmur3.js';
import { rendezvous, score } from '../rendezvous.js';
import type { ReplicaView } from './tier.js';

export interface SequenceRequest {
  readonly sequence: Sequence;
  readonly version?: string | undefined;
  readonly exclude?: ReadonlySet<string> | undefined;
}

interface Found {
  readonly replica: ReplicaView;
  readonly variant: Variant;
}
interface None {
  readonly code: ErrorCode;
  readonly message: string;
}

export function firstSeat(id: string, candidates: readonly ReplicaView[]): ReplicaView | undefined {
  const seats = candidates.map((replica) => ({ replica, inFlight: replica.sequences ?? 0 }));
  return rendezvous(id, seats, ({ replica }) => hashOf(replica))?.replica;
}

/** `last`: the replica that had it, as far as we know; `replicas` of a version. */
export function whoHasIt(
  endpoint: EndpointRecord,
  { sequence, version, exclude }: SequenceRequest,
  region: string,
  replicas: (version: string) => readonly ReplicaView[],
  last: string | undefined,
): Found | None {
  const hash = murmur3(sequence.id);
  let best: Found | undefined;
  let bestRank = -1;
  let blocked = false;
  for (const variant of endpoint.variants) {
    if (version !== undefined && version !== variant.label && !variant.version.startsWith(version)) continue;
    for (const replica of replicas(variant.version)) {
      if (exclude?.has(replica.id) || !(replica.ready || replica.leaving)) continue;
      if (replica.blocked) {
        blocked = true;
        continue;
      }
      const rank = rankOf(replica, hash, region, last);
      if (rank <= bestRank) continue;
      bestRank = rank;
      best = { replica, variant };
    }
  }
  if (best) return best;
  // It may well be there, and a moment later we may ask.
  if (blocked)
    return {
      code: 'BREAKER_OPEN',
      message: 'The replica that may have the sequence failed too often lately.',
    };
  const id = JSON.stringify(sequence.id.slice(0, 64));
  return {
    code: 'SEQUENCE_LOST',
    message: `No replica of ${endpoint.name} has the sequence ${id}: it was never begun, was idle for too long, or its shard died.`,
  };
}

/** Whoever had it last; then those that were heard of, the own region's, the seats in order. */
function rankOf(replica: ReplicaView, hash: number, region: string, last: string | undefined): number {
  const had = replica.id === last ? 4 : 0;
  return had + (replica.fresh ? 2 : 0) + (replica.region === region ? 1 : 0) + score(hash, hashOf(replica));
}

const hashOf = (replica: ReplicaView): number => replica.hash ?? murmur3(replica.shard);
