// Which seat a user sits on: highest score wins, so a seat that goes moves only its own users, each to their second choice
// (Thaler and Ravishankar, 1998). The route asks for sticky users, the placer for the seats of a version.
import assert from 'node:assert';
import { mix, murmur3 } from './murmur3.js';

export interface Seat {
  readonly inFlight: number;
  /** Relative capacity; 1 when not given. */
  readonly weight?: number;
}

/** How far above the mean a seat may be loaded before users go to their next choice. At 1.25 Zipf users spill 15 %. */
const LOAD_FACTOR = 1.25;

/** How much a user, or whatever else was hashed, belongs on a seat: higher is better. With equal weights it costs no logarithm. */
export function score(userHash: number, seatHash: number, weight?: number): number {
  const drawn = (mix(userHash, seatHash) + 0.5) / 2 ** 32;
  return weight === undefined ? drawn : -weight / Math.log(drawn);
}

/**
 * The user's best seat that has room. Seats all carry weights, or none does. `hashOf` is murmur3 of
 * the seat's name, taken once where many are asked.
 */
export function rendezvous<T extends Seat>(
  user: string,
  seats: readonly T[],
  hashOf: (seat: T) => number,
): T | undefined {
  if (seats.length < 2) return seats[0];
  const userHash = murmur3(user);
  let inFlight = 1; // the request itself
  let weights = 0;
  for (const seat of seats) {
    inFlight += seat.inFlight;
    weights += seat.weight ?? 1;
  }
  const perWeight = (LOAD_FACTOR * inFlight) / weights;
  let best: T | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const seat of seats) {
    if (seat.inFlight >= Math.ceil(perWeight * (seat.weight ?? 1))) continue;
    const scored = score(userHash, hashOf(seat), seat.weight);
    if (scored <= bestScore) continue;
    bestScore = scored;
    best = seat;
  }
  // The least loaded one is always below the mean, so somebody was found.
  assert(best, 'every seat is above the mean');
  return best;
}

/**
 * Slots of a version: users are hashed onto slots, so a shard that takes over a dead one's slot takes over exactly its users.
 * Shards that stay keep their slots; newcomers fill the vacated ones first.
 */
export function inheritSlots(previous: readonly string[], shards: readonly string[]): string[] {
  const staying = new Set(shards);
  const seated = new Set(previous.filter((shard) => staying.has(shard)));
  const newcomers = shards.filter((shard) => !seated.has(shard));
  const slots = previous.map((shard) => (seated.has(shard) ? shard : newcomers.shift()));
  return [...slots, ...newcomers].filter((shard) => shard !== undefined);
}
