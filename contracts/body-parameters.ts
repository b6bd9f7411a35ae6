// What the `parameters` of a request's body say to the doors: its sequence, its priority, its time. Read without decoding a
// tensor: most bodies say nothing of the kind, and finding that out looks at every eighth byte of the JSON part.
import { failure } from './errors.js';
import { TIMEOUT_MS_MAX } from './headers.js';
import { type Json, parseJson } from './json-integers.js';
import { topLevelValue } from './json-skim.js';
import { quote, showJson } from './quote.js';

export interface Sequence {
  /** The text or the decimal digits of the number: 7 and "7" are the same sequence. */
  readonly id: string;
  readonly start: boolean;
  readonly end: boolean;
}

export interface BodyParameters {
  readonly sequence?: Sequence;
  /** 0 default, 1 highest. */
  readonly priority?: number;
  /** `timeout`, which the body has in microseconds. */
  readonly timeoutMs?: number;
  /** `fail_fast`: rather a refusal than a wait for an endpoint that sleeps. */
  readonly failFast?: boolean;
}

const KEYS = [
  '"sequence_id"',
  '"priority"',
  '"timeout"',
  '"sequence_start"',
  '"sequence_end"',
  '"fail_fast"',
];
/** Parameters are few and short; what has more is refused before it is parsed. */
export const PARAMETERS_BYTES_MAX = 16_384;
const SEQUENCE_ID_LENGTH_MAX = 128;
const PRIORITY_MAX = 999;
const NOTHING: BodyParameters = {};

/**
 * `jsonLength` as in the header: undefined when the whole body is JSON. Throws BAD_REQUEST naming the parameter; a body that is no
 * JSON says nothing here, the engine that reads it says why. Keys written with escapes (`\u0074imeout`) are not seen.
 */
export function peekBodyParameters(bytes: Uint8Array, jsonLength: number | undefined): BodyParameters {
  const json = jsonLength === undefined ? bytes : bytes.subarray(0, jsonLength);
  if (!mentionsAny(json)) return NOTHING;
  const found = topLevelValue(json, 'parameters');
  if (!found) return NOTHING;
  if (found.length > PARAMETERS_BYTES_MAX)
    throw failure(
      'BAD_REQUEST',
      `\`parameters\` has ${found.length} bytes; the limit is ${PARAMETERS_BYTES_MAX}.`,
    );
  const parameters = parseJson(found);
  if (parameters === null) return NOTHING;
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw failure('BAD_REQUEST', '`parameters` is no object.');
  return readBodyParameters(parameters);
}

/** The same from parameters that were read already. */
export function readBodyParameters(parameters: Readonly<Record<string, Json>>): BodyParameters {
  const id = sequenceId(parameters['sequence_id']);
  const start = truth('sequence_start', parameters['sequence_start']);
  const end = truth('sequence_end', parameters['sequence_end']);
  if (id === undefined && (start || end))
    throw failure('BAD_REQUEST', 'sequence_start and sequence_end need a `sequence_id` that is not 0 or "".');
  const priority = whole('priority', parameters['priority'], BigInt(PRIORITY_MAX));
  const microseconds = whole('timeout', parameters['timeout'], UINT64_MAX);
  const failFast = truth('fail_fast', parameters['fail_fast']);
  return {
    ...(failFast && { failFast }),
    ...(id === undefined ? {} : { sequence: { id, start, end } }),
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    // 0 is "none" in this protocol, not "used up".
    ...(microseconds ? { timeoutMs: Math.min(Number(microseconds) / 1e3, TIMEOUT_MS_MAX) } : {}),
  };
}

const UINT64_MAX = 2n ** 64n - 1n;

function sequenceId(value: Json | undefined): string | undefined {
  if (value === undefined || value === null || value === '' || value === '0') return undefined;
  if (typeof value === 'string') {
    if (value.length <= SEQUENCE_ID_LENGTH_MAX) return value;
    throw failure(
      'BAD_REQUEST',
      `\`sequence_id\` ${quote(value)} has ${value.length} characters; the limit is ${SEQUENCE_ID_LENGTH_MAX}.`,
    );
  }
  const number = whole('sequence_id', value, UINT64_MAX);
  return number === undefined || number === 0n ? undefined : String(number);
}

function truth(name: string, value: Json | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw failure('BAD_REQUEST', `The parameter \`${name}\` is ${showJson(value)}, neither true nor false.`);
}

function whole(name: string, value: Json | undefined, max: bigint): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  const exact =
    typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : -1n;
  if (exact >= 0n && exact <= max) return exact;
  throw failure(
    'BAD_REQUEST',
    `The parameter \`${name}\` is ${showJson(value)}; it must be a whole number from 0 to ${max}.`,
  );
}

// ---- the test that bodies without such parameters pay for -----------------------------------------------------------

const encoder = new TextEncoder();
const NEEDLES = KEYS.map((key) => encoder.encode(key));
/** Whatever is at least this long covers a byte at a multiple of it. */
const STRIDE = Math.min(...NEEDLES.map(({ length }) => length));
const LONGEST = Math.max(...NEEDLES.map(({ length }) => length));
const QUOTE = 0x22;
const IN_A_KEY = new Uint8Array(256);
for (const needle of NEEDLES) for (const byte of needle) IN_A_KEY[byte] = 1;

/** Whether one of the keys stands anywhere in the text: digits, of which tensors are made, are in none of them. */
function mentionsAny(text: Uint8Array): boolean {
  for (let at = STRIDE - 1; at < text.length; at += STRIDE) {
    if (IN_A_KEY[text[at] as number] === 0) continue;
    for (let start = Math.max(0, at - LONGEST + 1); start <= at; start++)
      if (text[start] === QUOTE && NEEDLES.some((needle) => standsAt(text, start, needle))) return true;
  }
  return false;
}

function standsAt(text: Uint8Array, start: number, needle: Uint8Array): boolean {
  for (let i = 1; i < needle.length; i++) if (text[start + i] !== needle[i]) return false;
  return true;
}
