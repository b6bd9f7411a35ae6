// A failure on its way over the bus: headers for programs, a JSON body for people. Whoever answers writes it with errorReply,
// whoever asked reads it with failureIn.
import { headers as natsHeaders, type MsgHdrs } from '@nats-io/transport-node';
import { ERRORS, type ErrorCode, type Failure, failure, isErrorCode } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';

// Headers count against the payload limit; the whole sentence is in the body.
const ERROR_TEXT_CHARS_MAX = 1_000;
/** As long as balancers elsewhere honour. */
const RETRY_AFTER_MS_MAX = 300_000;

export interface ErrorReply {
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
}

export function errorReply(error: Failure): ErrorReply {
  const written = natsHeaders();
  written.set(headers.errorStatus, String(error.http));
  // A header ends at a line break, and a message may quote what a caller sent.
  written.set(headers.errorText, error.message.replace(/[\r\n]+/g, ' ').slice(0, ERROR_TEXT_CHARS_MAX));
  written.set(headers.errorCode, error.code);
  if (error.step !== undefined) written.set(headers.step, error.step);
  if (error.retryAfterS !== undefined) written.set(headers.retryAfter, String(error.retryAfterS));
  if (error.retryAfterMs !== undefined) written.set(headers.retryAfterMs, String(error.retryAfterMs));
  return { headers: written, data: new TextEncoder().encode(JSON.stringify(error.toBody())) };
}

/** The failure that a message carries; undefined for an answer that is none. */
export function failureIn(message: { readonly headers?: MsgHdrs }): Failure | undefined {
  const given = message.headers;
  if (!given?.has(headers.errorStatus)) return undefined;
  const code = given.get(headers.errorCode);
  const text = given.get(headers.errorText) || `The answer has status ${given.get(headers.errorStatus)}.`;
  const step = given.get(headers.step);
  return failure(isErrorCode(code) ? code : codeOfStatus(Number(given.get(headers.errorStatus))), text, {
    ...(step !== '' && { step }),
    ...waitOf(given.get(headers.retryAfterMs)),
  });
}

/** A hint of nonsense is none. */
export function waitOf(header: string): { retryAfterMs?: number } {
  const ms = Number(header);
  return header !== '' && ms >= 0 && ms <= RETRY_AFTER_MS_MAX ? { retryAfterMs: ms } : {};
}

/** For answers of services that are not ours: the numeric code alone says less, so the first code that has it will do. */
function codeOfStatus(http: number): ErrorCode {
  if (http === 503) return 'UNAVAILABLE';
  const [code] = Object.entries(ERRORS).find(([, entry]) => entry.http === http) ?? ['INTERNAL'];
  return isErrorCode(code) ? code : 'INTERNAL';
}
