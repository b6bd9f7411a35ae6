// Small messages with headers as they go over the wire, each written in one go, and many of them handed to the client as one. The client's
// publish() looks for spaces in the subject once more, encodes its line and the headers apart, each into memory of its own, and hands on four
// pieces: a microsecond more of each answer. Engines answer with it.
import type { NatsConnection } from '@nats-io/transport-node';

/** Of subject, headers and body together. */
const MESSAGE_BYTES_MAX = 4_096;
/** Of a run's answers; what is handed over in one piece, the client need not put together. */
const SLAB_BYTES = 65_536;
const FIRST_LINE = 'NATS/1.0\r\n';
const CR = 13;
const LF = 10;

interface Client {
  readonly protocol?: { sendCommand?(bytes: Uint8Array): void };
}

/** The part of a body that is copied from where it lies. */
export interface Rest {
  readonly bytes: number;
  copyTo(target: Uint8Array, at: number): void;
}

const NOTHING: Rest = { bytes: 0, copyTo: () => undefined };

/** Of one connection. */
export class SmallMessages {
  private slab: Buffer = Buffer.alloc(0);
  /** What lies between is written and not handed over. */
  private from = 0;
  private at = 0;

  constructor(private readonly nc: NatsConnection) {}

  /**
   * It leaves when this turn of the loop is done, along with the others of the turn. `subject` is known to be one, `lines` are headerLine()'s. False
   * for what is not small, has other characters than ASCII, or goes through a client of another make: publish() it.
   */
  send(subject: string, lines: string, body: Uint8Array, rest: Rest = NOTHING): boolean {
    const blockBytes = FIRST_LINE.length + lines.length + 2;
    const bytes = blockBytes + body.length + rest.bytes;
    if (bytes + subject.length > MESSAGE_BYTES_MAX || this.client?.sendCommand === undefined) return false;
    const head = `HPUB ${subject} ${blockBytes} ${bytes}\r\n${FIRST_LINE}${lines}\r\n`;
    if (Buffer.byteLength(head) !== head.length) return false;
    this.reserve(head.length + body.length + rest.bytes + 2);
    if (this.at === this.from) queueMicrotask(() => this.handOver());
    const { slab } = this;
    slab.write(head, this.at, 'latin1');
    this.at += head.length;
    slab.set(body, this.at);
    this.at += body.length;
    rest.copyTo(slab, this.at);
    this.at += rest.bytes;
    slab[this.at++] = CR;
    slab[this.at++] = LF;
    return true;
  }

  /** At once: what is published next comes behind. */
  handOver(): void {
    if (this.at === this.from) return;
    this.client?.sendCommand?.(this.slab.subarray(this.from, this.at));
    this.from = this.at;
  }

  private get client(): Client['protocol'] {
    return (this.nc as Client).protocol;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.slab.length) return;
    this.handOver();
    this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.from = this.at = 0;
  }
}
