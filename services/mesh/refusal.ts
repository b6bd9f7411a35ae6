// A failure on its way to a caller of the data path: what error-reply.ts writes, as text and without the client's own headers, since under
// overload most answers are of this kind. Router and engines lean on it.
import type { MsgHdrs } from '@nats-io/transport-node';
import type { Failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { headerBlock, headerLine } from './header-block.js';

// Headers count against the payload limit; the whole sentence is in the body.
const ERROR_TEXT_CHARS_MAX = 300;

export interface Refusal {
  readonly headers: MsgHdrs;
  readonly data: Buffer;
}

/** What is the same for all who are refused for one reason: whoever says it often keeps it. */
export interface Written {
  readonly lines: string;
  readonly data: Buffer;
}

export function writtenOf(reason: Failure): Written {
  let lines =
    headerLine(headers.errorStatus, reason.http) +
    headerLine(headers.errorText, reason.message.slice(0, ERROR_TEXT_CHARS_MAX)) +
    headerLine(headers.errorCode, reason.code);
  if (reason.step !== undefined) lines += headerLine(headers.step, reason.step);
  if (reason.retryAfterS !== undefined) lines += headerLine(headers.retryAfter, reason.retryAfterS);
  if (reason.retryAfterMs !== undefined) lines += headerLine(headers.retryAfterMs, reason.retryAfterMs);
  return { lines, data: Buffer.from(JSON.stringify(reason.toBody())) };
}

/** `more`: lines of whoever refuses. */
export function refusalOf({ lines, data }: Written, requestId: string | undefined, more: string): Refusal {
  const own = requestId === undefined ? '' : headerLine(headers.requestId, requestId);
  return { headers: headerBlock(lines + more + own), data };
}
