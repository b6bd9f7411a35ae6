// JSON as the protocol needs it: integers beyond 2^53 - 1 stay exact (as BigInt), and nesting has an end.
// JSON.parse does the work wherever it is exact, which is nearly always; a body with a long integer takes the parser below.
import { type ErrorCode, failure } from './errors.js';

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

const DEPTH_MAX = 100;
/** 2^53 - 1 has 16 digits: shorter runs are exact in a number. */
const LONG_DIGITS = 16;

export function parseJson(bytes: Uint8Array, fault: ErrorCode = 'BAD_REQUEST'): Json {
  const text = utf8(bytes, fault);
  const longIntegers = needsScan(text) && scan(text, fault);
  try {
    return longIntegers ? new Parser(text).document() : (JSON.parse(text) as Json);
  } catch (error) {
    throw failure(fault, `The body is not JSON: ${(error as Error).message.slice(0, 200)}.`, {}, error);
  }
}

// `fatal` refuses what is not UTF-8 instead of changing it silently.
const decoder = new TextDecoder('utf-8', { fatal: true });
function utf8(bytes: Uint8Array, fault: ErrorCode): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw failure(fault, 'The JSON part of the body is not UTF-8.', {}, error);
  }
}

/** What is too short to be nested deeply and has no long run of digits: most bodies whose tensors are binary. */
const needsScan = (text: string): boolean => text.length > 2 * DEPTH_MAX || /\d{16}/.test(text);

/** Refuses deep nesting before any parser sees it; tells whether some integer may be too long for a number. */
function scan(text: string, fault: ErrorCode): boolean {
  let depth = 0;
  let inString = false;
  let digits = 0;
  let long = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c >= 0x30 && c <= 0x39) {
      // Fractions have long runs as a matter of course; they are numbers anyway.
      if (++digits === LONG_DIGITS && text.charCodeAt(i - LONG_DIGITS) !== 0x2e) long = true;
    } else {
      digits = 0;
      if (c === 0x22) inString = true;
      else if (c === 0x5b || c === 0x7b) {
        if (++depth > DEPTH_MAX) {
          throw failure(fault, `The JSON part of the body is nested deeper than ${DEPTH_MAX} levels.`);
        }
      } else if (c === 0x5d || c === 0x7d) depth--;
    }
  }
  return long;
}

/** A plain recursive parser: `scan` has bounded its depth. Strings and fractions are left to JSON.parse. */
class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value();
    if (this.peek() !== undefined) throw this.unexpected();
    return value;
  }

  private value(): Json {
    const next = this.peek();
    if (next === '{') return this.object();
    if (next === '[') return this.array();
    return next === '"' ? this.string() : this.scalar();
  }

  private object(): Json {
    const entries: [string, Json][] = [];
    this.at++;
    if (this.take('}')) return {};
    do {
      if (this.peek() !== '"') throw this.unexpected();
      const key = this.string();
      if (!this.take(':')) throw this.unexpected();
      entries.push([key, this.value()]);
    } while (this.take(','));
    if (!this.take('}')) throw this.unexpected();
    return Object.fromEntries(entries); // defines own keys: `__proto__` is a key like any other
  }

  private array(): Json[] {
    const items: Json[] = [];
    this.at++;
    if (this.take(']')) return items;
    do items.push(this.value());
    while (this.take(','));
    if (!this.take(']')) throw this.unexpected();
    return items;
  }

  private string(): string {
    return JSON.parse(this.token(/"(?:[^"\\]|\\.)*"/sy)) as string;
  }

  private scalar(): Json {
    const token = this.token(/-?\d[\d.eE+-]*|true|false|null/y);
    if (!/^-?(?:0|[1-9]\d*)$/.test(token)) return JSON.parse(token) as Json;
    const number = Number(token);
    return Number.isSafeInteger(number) ? number : BigInt(token);
  }

  private token(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const token = pattern.exec(this.text)?.[0];
    if (token === undefined) throw this.unexpected();
    this.at += token.length;
    return token;
  }

  private take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  /** The next character that is no white space. */
  private peek(): string | undefined {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
    return this.text[this.at];
  }

  private unexpected(): SyntaxError {
    return new SyntaxError(
      `unexpected ${JSON.stringify(this.text[this.at]) ?? 'end'} at position ${this.at}`,
    );
  }
}
