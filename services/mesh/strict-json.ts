// JSON from strangers, read in one way only: two parsers that see different values in the same signed bytes are an attack, so
// duplicate keys, deep nesting, bad UTF-8 and oversize are refused. Signed documents are read with it, nothing hot is.
import { failure } from '../../contracts/errors.js';

export interface StrictJsonLimits {
  readonly bytesMax: number;
  readonly depthMax?: number;
}

const DEPTH_MAX = 16;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// Everything but these is a number, a word or white space once JSON.parse has agreed with the grammar.
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/** Throws BAD_REQUEST with what is wrong. `what` names the document in the sentence. */
export function strictJson(
  bytes: Uint8Array,
  what: string,
  { bytesMax, depthMax = DEPTH_MAX }: StrictJsonLimits,
): unknown {
  if (bytes.byteLength > bytesMax)
    throw failure('TOO_LARGE', `${what} has ${bytes.byteLength} bytes, the limit is ${bytesMax}.`);
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw failure('BAD_REQUEST', `${what} is not JSON in UTF-8.`, {}, error);
  }
  refuseAmbiguity(text, what, depthMax);
  return value;
}

function refuseAmbiguity(text: string, what: string, depthMax: number): void {
  const open: (Set<string> | undefined)[] = []; // an object's keys; undefined for an array
  let lastString: string | undefined;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > depthMax)
        throw failure('BAD_REQUEST', `${what} is nested deeper than ${depthMax} levels.`);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ':') {
      const key = JSON.parse(lastString ?? '""') as string; // escapes may spell the same key in two ways
      const keys = open.at(-1);
      if (keys?.has(key))
        throw failure('BAD_REQUEST', `${what} has the key ${JSON.stringify(key.slice(0, 40))} twice.`);
      keys?.add(key);
    } else if (token !== ',') {
      lastString = token;
    }
  }
}
