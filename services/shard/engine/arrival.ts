// A message of a replica's data subject, read as far as the queue needs: who asked, until when, how urgent. The body stays as it is
// until its turn comes near.
import { failure } from '../../../contracts/errors.js';
import type { RunLoop } from './run-loop.js';
import { returnAddress } from './answers.js';
import { levelOf, rankOf } from './rank.js';
import type { Waiting } from './request-queue.js';
import { runHeaders } from './run-headers.js';

/** @throws Failure BAD_REQUEST for headers that nobody could have meant, and for reply subjects that are no inboxes. */
export function readArrival(
  sender: string,
  headerText: string,
  body: Uint8Array,
  readAtMs: number,
  loop: Pick<RunLoop, 'unreadMsMax'>,
): Waiting {
  const headers = runHeaders(headerText);
  const to = returnAddress(sender, headers);
  // Nobody to answer, or somebody who wants our answer published where it does not belong.
  if (to === undefined) throw failure('BAD_REQUEST', 'The reply subjects of a run message must be inboxes.');
  const { timeoutMs } = headers;
  const level = levelOf(headers.priority);
  return {
    to,
    headers,
    body,
    readAtMs,
    unreadMsMax: loop.unreadMsMax(readAtMs),
    timeoutMs,
    level,
    rank: rankOf(readAtMs, timeoutMs, level),
  };
}
