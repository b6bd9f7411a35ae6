// What one inference says of itself, in its headers and in its body's `parameters`, as every door understands it: each reads its
// own way, then this decides what is acceptable and says what is not, so that a bad header gets the same answer everywhere.
import { peekBodyParameters, type Sequence } from '../../../contracts/body-parameters.js';
import { failure } from '../../../contracts/errors.js';
import { readJsonLength } from '../../../contracts/infer-body.js';
import { TIMEOUT_MS_MAX, headers } from '../../../contracts/headers.js';
import {
  type BodyReference,
  readReference,
  readTakesLarge,
  type TakesLarge,
} from '../../../contracts/large-body.js';
import { sequenceInHeaders } from '../../../contracts/sequence.js';

/** As they came; undefined or empty: not sent. */
export interface RawHead {
  requestId?: string | undefined;
  timeoutMs?: string | undefined;
  user?: string | undefined;
  tenant?: string | undefined;
  caller?: string | undefined;
  /** Those that the endpoint's rules name, in lower case. */
  ruled?: Readonly<Record<string, string>> | undefined;
  priority?: string | undefined;
  traceparent?: string | undefined;
  jsonLength?: string | undefined;
  body?: string | undefined;
  acceptBody?: string | undefined;
  cache?: string | undefined;
  failFast?: string | undefined;
  sequence?: string | undefined;
  sequenceStart?: string | undefined;
  sequenceEnd?: string | undefined;
}

export interface RequestHead {
  readonly requestId: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly user: string | undefined;
  readonly tenant?: string | undefined;
  readonly caller?: string | undefined;
  readonly ruled?: Readonly<Record<string, string>> | undefined;
  readonly priority: number;
  readonly traceparent: string | undefined;
  readonly jsonLength: number | undefined;
  readonly sequence: Sequence | undefined;
  /** Where the body lies, when the message does not carry all of it. */
  readonly body: BodyReference | undefined;
  readonly takesLarge: TakesLarge | undefined;
  /** The caller wants no kept answer. */
  readonly uncached: boolean;
  /** Or rather a refusal than a wait for an endpoint that sleeps. */
  readonly failFast?: boolean;
}

const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/;
const MILLISECONDS = /^\d{1,15}$/;
const PRIORITY = /^\d{1,3}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const USER_LENGTH_MAX = 256;
const TENANT = /^[\w.:@-]{1,64}$/;
const CALLER = /^[\w.:@-]{1,64}( [\w.:@-]{1,64})?$/;

/**
 * Throws BAD_REQUEST naming the header or parameter, or DEADLINE when the caller's time was used up before we saw it. What both
 * header and body say is as the header has it, since proxies on the way can set that.
 */
export function requestHead(raw: RawHead, body: Uint8Array): RequestHead {
  const reference = raw.body ? readReference(raw.body) : undefined;
  // How long an object is, its store says later.
  const bodyBytes = reference ? (reference.bytes ?? Number.MAX_SAFE_INTEGER) : body.length;
  const jsonLength = readJsonLength(raw.jsonLength, bodyBytes);
  const said = peekBodyParameters(body, jsonLength);
  return {
    requestId: raw.requestId ? checkRequestId(raw.requestId) : undefined,
    timeoutMs: raw.timeoutMs ? readTimeout(raw.timeoutMs) : said.timeoutMs,
    user: raw.user ? checkUser(raw.user) : undefined,
    tenant: raw.tenant ? checkTenant(raw.tenant) : undefined,
    ...(raw.caller && { caller: checkCaller(raw.caller) }),
    ruled: raw.ruled,
    priority: raw.priority ? readPriority(raw.priority) : (said.priority ?? 0),
    // W3C: what does not parse is treated as if it had not been sent.
    traceparent: raw.traceparent && TRACEPARENT.test(raw.traceparent) ? raw.traceparent : undefined,
    jsonLength,
    sequence: sequenceInHeaders(raw.sequence, raw.sequenceStart, raw.sequenceEnd) ?? said.sequence,
    body: reference,
    takesLarge: raw.acceptBody ? readTakesLarge(raw.acceptBody) : undefined,
    uncached: raw.cache === 'no',
    ...((raw.failFast === '1' || said.failFast) && { failFast: true }),
  };
}

/** An id that may be repeated in logs, headers and answers as it is. */
export const isRequestId = (id: string): boolean => REQUEST_ID.test(id);

function checkRequestId(id: string): string {
  if (isRequestId(id)) return id;
  throw failure('BAD_REQUEST', `${headers.requestId} must be 1 to 128 letters, digits or . : + / = @ _ -.`);
}

function readTimeout(text: string): number {
  if (!MILLISECONDS.test(text))
    throw failure('BAD_REQUEST', `${headers.timeoutMs} must be whole milliseconds, got "${excerpt(text)}".`);
  const timeoutMs = Number(text);
  if (timeoutMs === 0) throw failure('DEADLINE', 'The time of this request was used up before it arrived.');
  return Math.min(timeoutMs, TIMEOUT_MS_MAX);
}

function checkUser(user: string): string {
  if (user.length <= USER_LENGTH_MAX) return user;
  throw failure('BAD_REQUEST', `${headers.user} may have ${USER_LENGTH_MAX} characters, got ${user.length}.`);
}

function checkTenant(tenant: string): string {
  if (TENANT.test(tenant)) return tenant;
  throw failure('BAD_REQUEST', `${headers.tenant} must be 1 to 64 letters, digits or . : @ _ -.`);
}

function checkCaller(caller: string): string {
  if (CALLER.test(caller)) return caller;
  throw failure(
    'BAD_REQUEST',
    `${headers.caller} must be the id of a key and a tenant, each of 1 to 64 letters, digits or . : @ _ -.`,
  );
}

function readPriority(text: string): number {
  if (PRIORITY.test(text)) return Number(text);
  throw failure('BAD_REQUEST', `${headers.priority} must be a whole number from 0 to 999.`);
}

/** A stranger's text inside a sentence of ours: short, and only what is printable. */
const excerpt = (text: string): string => text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?');
