// Reads the headers of a run message, of which an engine needs few.
import type { Sequence } from '../../../contracts/body-parameters.js';
import {
  CACHE_S_MAX,
  DEFAULT_TIMEOUT_MS,
  headers,
  PRIORITY_MAX,
  TIMEOUT_MS_MAX,
} from '../../../contracts/headers.js';
import { failure } from '../../../contracts/errors.js';
import { readTakesLarge, type TakesLarge } from '../../../contracts/large-body.js';
import { sequenceInHeaders } from '../../../contracts/sequence.js';
import { eachHeader } from '../../mesh/header-block.js';

export interface RunHeaders {
  readonly jsonLength: number | undefined;
  readonly requestId: string;
  /** The caller's inbox, when a router stands between. */
  readonly reply: string;
  readonly timeoutMs: number;
  readonly endpoint: string;
  /** Comes back on the answer; '' where no arms are compared. */
  readonly arm: string;
  /** As sent: 0 is the default. */
  readonly priority: number;
  /** Where the body lies that the message does not carry; '' when it does. */
  readonly body: string;
  readonly takesLarge: TakesLarge | undefined;
  /** The step of a sequence that it is. */
  readonly sequence?: Sequence | undefined;
  /** Another engine sent it on already. */
  readonly hopped?: boolean;
  /** Steps of the sequence that the stages before have taken, this one counted. */
  readonly sequenceCount?: number | undefined;
  /** As it came; '' when there is none. */
  readonly traceparent: string;
  /** Key and tenant, where a gateway sent it; '' otherwise. */
  readonly caller: string;
  /** Of a pipeline (itinerary.ts); '' for any other request. */
  readonly plan: string;
  readonly hops: string;
  readonly step: number;
  /** How many seconds old a kept answer may be; 0: none is wanted. */
  readonly cacheS: number;
  /** The caller chose the request id. */
  readonly once: boolean;
  readonly shadow: boolean;
}

type Parsed = { -readonly [K in keyof RunHeaders]: RunHeaders[K] };

/** Many requests have the headers of the one before. */
let last: { readonly text: string; readonly headers: RunHeaders } | undefined;

/** `text` is the header block as it came. Throws BAD_REQUEST for a number that is none. */
export function runHeaders(text: string): RunHeaders {
  if (last?.text !== text) last = { text, headers: parseRunHeaders(text) };
  return last.headers;
}

function parseRunHeaders(text: string): RunHeaders {
  const parsed: Parsed = {
    jsonLength: undefined,
    requestId: '',
    reply: '',
    timeoutMs: DEFAULT_TIMEOUT_MS,
    endpoint: '',
    arm: '',
    priority: 0,
    body: '',
    takesLarge: undefined,
    traceparent: '',
    caller: '',
    plan: '',
    hops: '',
    step: 0,
    cacheS: 0,
    once: false,
    shadow: false,
  };
  let id: string | undefined;
  let start: string | undefined;
  let end: string | undefined;
  eachHeader(text, (key, value) => {
    switch (key) {
      case headers.jsonLength:
        parsed.jsonLength = wholeNumber(key, value);
        return;
      case headers.timeoutMs:
        parsed.timeoutMs = Math.min(wholeNumber(key, value), TIMEOUT_MS_MAX);
        return;
      case headers.requestId:
        parsed.requestId = value;
        return;
      case headers.reply:
        parsed.reply = value;
        return;
      case headers.priority:
        parsed.priority = Math.min(wholeNumber(key, value), PRIORITY_MAX);
        return;
      case headers.body:
        parsed.body = value;
        return;
      case headers.acceptBody:
        parsed.takesLarge = readTakesLarge(value);
        return;
      case headers.arm:
        parsed.arm = value.slice(0, ARM_CHARS_MAX);
        return;
      case headers.cache:
        // `no`, or anything else: none.
        parsed.cacheS = Math.min(decimal(value) ?? 0, CACHE_S_MAX);
        return;
      case headers.once:
        parsed.once = true;
        return;
      case headers.shadow:
        parsed.shadow = true;
        return;
      case headers.endpoint:
        parsed.endpoint = value;
        return;
      case headers.sequence:
        id = value;
        return;
      case headers.sequenceStart:
        start = value;
        return;
      case headers.sequenceEnd:
        end = value;
        return;
      case headers.sequenceHop:
        parsed.hopped = true;
        return;
      case headers.caller:
        parsed.caller = value.slice(0, CALLER_CHARS_MAX);
        return;
      case headers.sequenceCount:
        parsed.sequenceCount = wholeNumber(key, value);
        return;
      case headers.traceparent:
        parsed.traceparent = value;
        return;
      case headers.plan:
        parsed.plan = value;
        return;
      case headers.hops:
        parsed.hops = value;
        return;
      case headers.step:
        parsed.step = wholeNumber(key, value);
        return;
      default:
    }
  });
  parsed.sequence = sequenceInHeaders(id, start, end);
  return parsed;
}

/** An epoch and the name of an arm. */
const ARM_CHARS_MAX = 96;

/** A key, a space, a tenant. */
const CALLER_CHARS_MAX = 129;

const DIGITS_MAX = 15;
const ZERO = 48;

/** Undefined for anything but digits. Two are read of each request, and an expression and Number() take four times as long. */
function decimal(text: string): number | undefined {
  if (text.length === 0 || text.length > DIGITS_MAX) return undefined;
  let number = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = 10 * number + digit;
  }
  return number;
}

function wholeNumber(key: string, value: string): number {
  const number = decimal(value);
  if (number !== undefined) return number;
  throw failure(
    'BAD_REQUEST',
    `The header ${key} must be a plain decimal number, got "${value.slice(0, 40)}".`,
  );
}
