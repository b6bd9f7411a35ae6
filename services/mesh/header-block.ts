// The header block of a message as text, both ways. The client's own decoder normalises every key and builds a map of lists,
// about 5 us a message; who reads or writes a few known keys 20,000 times a second walks the text once instead.
// The router and the engines lean on it.
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { Body } from '../../contracts/body-tensors.js';

const FIRST_LINE = 'NATS/1.0';
const END = '\r\n\r\n';

/**
 * The block as it came, `NATS/1.0` and all; empty for a message without headers. `data` is the message's, for those who have it already: the client
 * makes a new view each time; `subjectBytes` for those who know it, so that the subject is not decoded.
 */
export function headerText(
  message: Msg,
  data: Uint8Array = message.data,
  subjectBytes: number = message.subject.length,
): string {
  // The client keeps headers and body in one piece of memory and hands out only the body, but its size() counts the subject,
  // the reply, the headers and the body: what is left over is the header block, right before the body.
  const { size } = message as Msg & { size?: () => number };
  if (size) {
    const bytes = size.call(message) - subjectBytes - (message.reply?.length ?? 0) - data.length;
    if (bytes === 0) return '';
    if (bytes > 0 && bytes <= data.byteOffset) {
      const text = blockIn(data.buffer, data.byteOffset - bytes, data.byteOffset);
      if (text !== '') return text;
    }
  }
  // A client of another make, or a subject that is not ASCII.
  return message.headers ? (message.headers as MsgHdrs & { toString(): string }).toString() : '';
}

/** One read of a socket brings many messages, which lie in the same memory; a larger one, put together for one of them, is not held on to. */
let read: Buffer = Buffer.alloc(0);
const READ_BYTES_MAX = 65_536;

/** Many messages have the block of the one before: it is not decoded again, and whoever remembers the text finds at a look that it is the same. */
let last = { memory: read, from: 0, bytes: 0, text: '' };

/** Empty where it is no block. */
function blockIn(memory: ArrayBufferLike, from: number, to: number): string {
  const bytes = to - from;
  const view = read.buffer === memory ? read : Buffer.from(memory);
  if (isLast(view, from, bytes)) return last.text;
  const text = view.toString('utf8', from, to);
  if (!text.startsWith(FIRST_LINE) || !text.endsWith(END)) return '';
  if (memory.byteLength > READ_BYTES_MAX) return text;
  read = view;
  last = { memory: view, from, bytes, text };
  return text;
}

function isLast(memory: Buffer, from: number, bytes: number): boolean {
  if (bytes !== last.bytes) return false;
  // What differs is mostly at the end.
  for (let i = bytes - 1; i >= 0; i--) if (memory[from + i] !== last.memory[last.from + i]) return false;
  return true;
}

/** Calls for each header in order. Returns the status of the first line (503: no responders), 0 without one. */
export function eachHeader(text: string, call: (key: string, value: string) => void): number {
  if (text === '') return 0;
  const firstEnd = text.indexOf('\r\n');
  for (let start = firstEnd + 2; start > 1 && start < text.length;) {
    const found = text.indexOf('\r\n', start);
    const end = found < 0 ? text.length : found;
    const colon = text.indexOf(':', start);
    if (colon > start && colon < end) call(text.slice(start, colon), valueIn(text, colon + 1, end));
    start = end + 2;
  }
  return firstEnd > FIRST_LINE.length ? Number.parseInt(text.slice(FIRST_LINE.length, firstEnd), 10) || 0 : 0;
}

/** Most have the one space before them that every writer puts there, and trim() costs more than a look. */
function valueIn(text: string, from: number, end: number): string {
  const start = text.charCodeAt(from) === SPACE ? from + 1 : from;
  const plain = text.charCodeAt(start) > SPACE && text.charCodeAt(end - 1) > SPACE;
  return plain ? text.slice(start, end) : text.slice(from, end).trim();
}
const SPACE = 32;

/** A line of a block; a line break inside a value would start a header of the sender's choosing, so there is none. */
export const headerLine = (key: string, value: string | number): string =>
  `${key}: ${typeof value === 'string' ? value.replace(/[\r\n]+/g, ' ') : value}\r\n`;

/** What publish() takes as `headers`, from lines made by headerLine: of the whole interface it calls encode() alone. */
export function headerBlock(lines: string, body?: Body): MsgHdrs {
  const written = body && body.bytes.length >= ASSEMBLED_BYTES ? alignedLines(lines, body) : lines;
  const encoded = { encode: () => Buffer.from(`${FIRST_LINE}\r\n${written}\r\n`) };
  return encoded as unknown as MsgHdrs;
}

/** What comes in more than one read of a socket, the client puts together in memory that begins with the header block. */
const ASSEMBLED_BYTES = 65_536;
const ALIGNED = 8;

/**
 * Spaces before the first value, so that the tensors behind block and JSON part lie where every datatype may: whoever reads them views them,
 * and does not copy half a megabyte. Readers skip such spaces.
 */
function alignedLines(lines: string, { jsonLength = 0 }: Body): string {
  const ends = FIRST_LINE.length + 2 + Buffer.byteLength(lines) + 2 + jsonLength;
  const at = lines.indexOf(': ') + 2;
  return at < 2
    ? lines
    : lines.slice(0, at) + ' '.repeat((ALIGNED - (ends % ALIGNED)) % ALIGNED) + lines.slice(at);
}
