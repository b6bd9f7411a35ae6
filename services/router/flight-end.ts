// What an answer says of the replica that gave it: the request's fault is not the replica's.
import type { ErrorCode } from '../../contracts/errors.js';
import type { FlightEnd } from '../mesh/routing/replica-entry.js';

/** By the status of an answer that the caller has got. */
export function endOfOutcome(http: number): FlightEnd {
  if (http < 400) return 'succeeded';
  if (http < 500) return 'refused';
  // The caller's time was over before its turn came: it says how long the queue is, which the heartbeat says better.
  return http === 504 ? 'abandoned' : 'failed';
}

/** By the code of a failure that another replica may make good. */
export function endOfFailure(code: ErrorCode): FlightEnd {
  // The replica fetched a body and whoever held it was gone.
  if (code === 'BODY_LOST') return 'refused';
  return code === 'MAILBOX_FULL' || code === 'RATE_LIMITED' ? 'full' : 'failed';
}
