// A small message with headers as it goes over the wire, written in one go. The client's publish() looks for spaces in the subject once more, encodes
// its line and the headers apart, each into memory of its own, and hands on four pieces: a microsecond more of each answer. What goes out of the
// client's own buffer keeps its order. Engines answer with it.
import type { NatsConnection } from '@nats-io/transport-node';

/** Of subject, headers and body together. */
const MESSAGE_BYTES_MAX = 4_096;
const SLAB_BYTES = 32_768;
const FIRST_LINE = 'NATS/1.0\r\n';
const CR = 13;
const LF = 10;

interface Client {
  readonly protocol?: { sendCommand?(bytes: Uint8Array): void };
}

let slab: Buffer = Buffer.alloc(0);
let at = 0;

/**
 * `subject` is known to be one, `lines` are headerLine()'s. False for what is not small, has other characters than ASCII, or goes through a
 * client of another make: publish() it.
 */
export function sendSmall(nc: NatsConnection, subject: string, lines: string, body: Uint8Array): boolean {
  const { protocol } = nc as Client;
  const blockBytes = FIRST_LINE.length + lines.length + 2;
  const bytes = blockBytes + body.length;
  if (bytes + subject.length > MESSAGE_BYTES_MAX || protocol?.sendCommand === undefined) return false;
  const head = `HPUB ${subject} ${blockBytes} ${bytes}\r\n${FIRST_LINE}${lines}\r\n`;
  if (Buffer.byteLength(head) !== head.length) return false;
  const length = head.length + body.length + 2;
  if (at + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    at = 0;
  }
  const from = at;
  slab.write(head, from, 'latin1');
  slab.set(body, from + head.length);
  at = from + length;
  slab[at - 2] = CR;
  slab[at - 1] = LF;
  protocol.sendCommand(slab.subarray(from, at));
  return true;
}
