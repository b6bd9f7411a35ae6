// How long one attempt may take before the next replica is asked as well. Long enough that a slow model is not taken for a dead
// one, short enough that a lost message leaves time for another try. Dispatcher and router ask.

import type { Trip } from '../routing/replica-entry.js';

export interface AttemptState {
  /** What is left of the caller's deadline. */
  readonly leftMs: number;
  /** Peak latency of the replica, queue included; 0 when nobody knows. */
  readonly latencyMs: number;
  /** The latency is what we saw, not only what it says of itself. */
  readonly seen: boolean;
  /** Requests it holds, this one included. */
  readonly inFlight: number;
  /** Attempts of this request that ran out of time before. */
  readonly timedOut: number;
  /** Of a body that does not travel in the message and has to be fetched first; 0 otherwise. */
  readonly bytesToFetch?: number;
}

// Three attempts of 60 ms lost nothing in 12 kills of a responder with 18,000 requests.
const FLOOR_MS = 60;
/** What a replica says of itself was timed without a bus, and its first requests find code that was never compiled. */
const UNSEEN_FLOOR_MS = 500;
// The peak average lies near the 90th percentile; four times that is past the 99th of any distribution that serving shows.
const LATENCIES = 4;
/** A burst is queued before its latency is seen: every two requests in flight may add one more latency. */
const IN_FLIGHT_PER_LATENCY = 2;
// Fetching, hashing and answering 64 MB took 0.4 s on an idle two-core machine; a busy one, or another region, takes its time.
const FETCHED_BYTES_PER_MS = 20_000;

export function attemptTimeoutMs(state: AttemptState): number {
  const { leftMs, latencyMs, seen, inFlight, timedOut, bytesToFetch = 0 } = state;
  // A first call may meet a model of seconds: wait half of the time, which leaves the other half for a second try.
  if (latencyMs <= 0) return leftMs / 2;
  const floorMs = seen ? FLOOR_MS : Math.min(UNSEEN_FLOOR_MS, leftMs / 2);
  const patientMs = LATENCIES * latencyMs * (1 + inFlight / IN_FLIGHT_PER_LATENCY) * 2 ** timedOut;
  return Math.min(leftMs, Math.max(floorMs * 2 ** timedOut, patientMs) + bytesToFetch / FETCHED_BYTES_PER_MS);
}

/** Whether it had as long as a replica like it deserves; a deadline that was shorter says nothing against the replica. */
export const wasPatient = ({ replica, startedMs }: Trip, nowMs: number): boolean =>
  nowMs - startedMs >= Math.max(replica.seen ? FLOOR_MS : UNSEEN_FLOOR_MS, LATENCIES * replica.patienceMs);
