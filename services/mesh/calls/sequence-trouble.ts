// What follows when a step of a sequence was not answered by the replica that was asked: a step must not run twice, and it can run
// only where the state is. Dispatcher and router ask, so that a sequence means the same at every door.
import type { Sequence } from '../../../contracts/body-parameters.js';
import type { ErrorCode } from '../../../contracts/errors.js';
import type { FlightEnd } from '../routing/replica-entry.js';

/**
 * `next`: it certainly did not run there; the next replica is asked at once. `again`: the same replica, a little later; the engine
 * knows a request that it has seen. `fail`: the caller is told.
 */
export type SequenceVerdict = 'next' | 'again' | 'fail';

export function afterTrouble({ start }: Sequence, code: ErrorCode, end: FlightEnd): SequenceVerdict {
  // Gone with a first step in its hands, and nobody knows whether it ran: a sequence of the same name may live there.
  if (end === 'abandoned') return start ? 'fail' : 'again';
  if (end === 'unreachable') return 'next';
  if (NOT_HERE.has(code)) return 'next';
  if (NO_ROOM.has(code)) return start ? 'next' : 'again';
  return 'fail';
}

const NOT_HERE: ReadonlySet<ErrorCode> = new Set(['SEQUENCE_ELSEWHERE', 'REPLICA_LOST', 'NOT_READY']);
const NO_ROOM: ReadonlySet<ErrorCode> = new Set(['MAILBOX_FULL', 'RATE_LIMITED']);

/** An engine may be connecting anew, or its replica moving: so long a sequence is looked for before it counts as lost. */
export const LOOK_FOR_MS = 1_000;
