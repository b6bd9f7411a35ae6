// An error that the router itself has for a caller: headers for programs, the protocol's body for people.
import type { MsgHdrs } from '@nats-io/transport-node';
import type { Failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { headerBlock, headerLine } from '../mesh/header-block.js';

// Headers count against the payload limit; the whole sentence is in the body.
const ERROR_TEXT_CHARS_MAX = 300;

export interface Refusal {
  readonly headers: MsgHdrs;
  readonly data: Buffer;
}

export function refusalOf(reason: Failure, requestId: string | undefined, attempts: number): Refusal {
  let lines =
    headerLine(headers.errorStatus, reason.http) +
    headerLine(headers.errorText, reason.message.slice(0, ERROR_TEXT_CHARS_MAX)) +
    headerLine(headers.errorCode, reason.code) +
    headerLine(headers.attempts, attempts);
  if (reason.step !== undefined) lines += headerLine(headers.step, reason.step);
  if (requestId !== undefined) lines += headerLine(headers.requestId, requestId);
  if (reason.retryAfterS !== undefined) lines += headerLine(headers.retryAfter, reason.retryAfterS);
  if (reason.retryAfterMs !== undefined) lines += headerLine(headers.retryAfterMs, reason.retryAfterMs);
  return { headers: headerBlock(lines), data: Buffer.from(JSON.stringify(reason.toBody())) };
}
