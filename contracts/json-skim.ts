// Finds one value of a JSON object in its text without parsing the rest: strings and brackets are stepped over, nothing is built.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const encoder = new TextEncoder();

const opens = (byte: number | undefined): boolean => byte === 0x7b || byte === 0x5b;
const closes = (byte: number | undefined): boolean => byte === 0x7d || byte === 0x5d;
const blank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The text of the value under `key`, the last one as in JSON.parse; undefined where there is none or this is no object. */
export function topLevelValue(text: Uint8Array, key: string): Uint8Array | undefined {
  const wanted = encoder.encode(JSON.stringify(key));
  let at = skipBlank(text, 0);
  if (text[at] !== 0x7b) return undefined;
  at = skipBlank(text, at + 1);
  let found: Uint8Array | undefined;
  while (text[at] === QUOTE) {
    const keyEnd = skipString(text, at);
    const matches = equals(text.subarray(at, keyEnd), wanted);
    at = skipBlank(text, keyEnd);
    if (text[at] !== COLON) return undefined;
    const start = skipBlank(text, at + 1);
    const end = skipValue(text, start);
    if (matches) found = text.subarray(start, end);
    at = skipBlank(text, end);
    if (text[at] === COMMA) at = skipBlank(text, at + 1);
  }
  return text[at] === 0x7d ? found : undefined;
}

function skipBlank(text: Uint8Array, at: number): number {
  while (blank(text[at])) at++;
  return at;
}

/** `at` is the opening quote; what comes back is past the closing one, or past the end. */
function skipString(text: Uint8Array, at: number): number {
  for (at++; at < text.length; at++) {
    if (text[at] === BACKSLASH) at++;
    else if (text[at] === QUOTE) return at + 1;
  }
  return text.length;
}

function skipValue(text: Uint8Array, at: number): number {
  let depth = 0;
  while (at < text.length) {
    const byte = text[at];
    if (byte === QUOTE) {
      at = skipString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (opens(byte)) depth++;
    else if (closes(byte)) {
      if (depth === 0) return at; // the end of the object around it
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || blank(byte))) return at;
    at++;
  }
  return at;
}

const equals = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
