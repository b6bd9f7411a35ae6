// What came back for a request: a result, or a failure in its headers. Looked up in the header block as text, since this runs for
// every answer. Dispatcher and router lean on it.
import type { Msg } from '@nats-io/transport-node';
import { type Failure, failure, isErrorCode } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import { waitOf } from './error-reply.js';
import { eachHeader, headerText } from './header-block.js';

const NO_RESPONDERS = 'NATS/1.0 503';
// With the line break before them they cannot be found inside another header's value.
const JSON_LENGTH = `\r\n${headers.jsonLength}:`;
const BODY = `\r\n${headers.body}:`;
const CACHE = `\r\n${headers.cache}:`;
const REPLICA = `\r\n${headers.replica}:`;
const STATUS = `\r\n${headers.errorStatus}:`;
const CODE = `\r\n${headers.errorCode}:`;
const STEP = `\r\n${headers.step}:`;
const PASSED = `\r\n${headers.passed}:`;
const WAIT = `\r\n${headers.retryAfterMs}:`;
const TEXT = `\r\n${headers.errorText}:`;

export class Answer {
  readonly bytes: Uint8Array;
  private readonly block: string;

  constructor(message: Msg) {
    this.bytes = message.data;
    this.block = headerText(message, this.bytes);
  }

  /** Nobody listens on the subject; the server itself says so. */
  get nobody(): boolean {
    return this.block.startsWith(NO_RESPONDERS);
  }

  get jsonLength(): number | undefined {
    const value = this.value(JSON_LENGTH);
    return value === '' ? undefined : Number(value);
  }

  /** Where the body lies when this message does not carry all of it; '' otherwise. */
  get reference(): string {
    return this.value(BODY);
  }

  /** Undefined on endpoints that keep no answers. */
  get cached(): boolean | undefined {
    const value = this.value(CACHE);
    return value === '' ? undefined : value === 'hit';
  }

  /** '' when it does not say. */
  get replica(): string {
    return this.value(REPLICA);
  }

  /** Undefined on a result. */
  get failure(): Failure | undefined {
    const status = this.value(STATUS);
    if (status === '') return undefined;
    const code = this.value(CODE);
    const text = this.value(TEXT) || `The answer has status ${status}.`;
    const step = this.value(STEP);
    return failure(isErrorCode(code) ? code : status === '503' ? 'UNAVAILABLE' : 'INTERNAL', text, {
      ...(step !== '' && { step }),
      ...waitOf(this.value(WAIT)),
    });
  }

  /** No answer yet: a step of a pipeline is done, and the request is on its way to the step of this number. */
  get passed(): number | undefined {
    const value = this.value(PASSED);
    return value === '' ? undefined : Number(value);
  }

  /** All headers, for those who hand them on. */
  headers(): Map<string, string> {
    const all = new Map<string, string>();
    eachHeader(this.block, (key, value) => void all.set(key, value));
    return all;
  }

  private value(line: string): string {
    const found = this.block.indexOf(line);
    if (found < 0) return '';
    const start = found + line.length;
    return this.block.slice(start, this.block.indexOf('\r\n', start)).trim();
  }
}
