// One body on its way here: which chunks were asked for, which came, which were lost, and whether the whole has its digest. It has
// no timers and no bus; body-fetcher.ts sends what it asks for and turns it.
import { type Failure, failure } from '../../../contracts/errors.js';
import type { BodyReference, ChunkRange } from '../../../contracts/large-body.js';
import { runningSha256 } from '../sha256.js';

export type ChunkReference = BodyReference & { readonly kind: 'chunks' };

export interface TransferOptions {
  readonly reference: ChunkReference;
  /** What the message itself brought. */
  readonly beginning: Uint8Array;
  readonly chunkBytes: number;
  readonly untilMs: number;
  /** Without a word of the holder for so long it is lost. An engine that computes is silent for as long as its run takes. */
  readonly silentMsMax: number;
  readonly nowMs: number;
}

interface Asked {
  readonly seq: number;
  readonly index: number;
}

// What is asked again once something was lost; a connection that loses more is no connection.
const LOSSES_MAX = 16;
/** The holder may be busy: it is asked once more for one chunk only. If it is gone, the server says so. */
const PROBE_AFTER_MS = 250;
const PROBES_OPEN_MAX = 16;

export class BodyTransfer {
  readonly reference: ChunkReference;
  private readonly body: Buffer;
  private readonly hash = runningSha256();
  private readonly start: number;
  private readonly arrived: boolean[];
  /** In the order of asking, which is the order of answers: what an answer has overtaken is lost. */
  private asked: Asked[] = [];
  private again: number[] = [];
  private next = 0;
  private hashed = 0;
  private missing: number;
  private seqs = 0;
  private losses = 0;
  private heardMs: number;
  private probedMs: number;

  constructor(private readonly options: TransferOptions) {
    const { reference, beginning, chunkBytes, nowMs } = options;
    this.reference = reference;
    this.start = Math.min(beginning.length, reference.bytes);
    this.body = Buffer.allocUnsafeSlow(reference.bytes);
    this.body.set(beginning.subarray(0, this.start));
    this.hash.update(this.body.subarray(0, this.start));
    this.missing = Math.ceil((reference.bytes - this.start) / chunkBytes);
    this.arrived = Array.from({ length: this.missing }, () => false);
    this.heardMs = this.probedMs = nowMs;
  }

  /** The body, when the beginning was all of it. */
  whole(): Buffer | undefined {
    return this.missing === 0 ? this.checked() : undefined;
  }

  get open(): number {
    return this.asked.length;
  }

  /** What to ask for next; undefined when all of it was. */
  take(): (ChunkRange & { readonly seq: number }) | undefined {
    const index = this.again.shift() ?? (this.next < this.arrived.length ? this.next++ : undefined);
    return index === undefined ? undefined : this.ask(index);
  }

  /** The whole body once its digest is right, else undefined; throws BODY_LOST and BODY_DAMAGED. */
  chunk(seq: number, data: Uint8Array, nowMs: number): Buffer | undefined {
    this.heardMs = this.probedMs = nowMs;
    const at = this.asked.findIndex((one) => one.seq === seq);
    const one = this.asked[at];
    if (!one) return undefined; // of a chunk that was taken for lost
    const overtaken = this.asked.splice(0, at + 1).slice(0, -1);
    for (const { index } of overtaken) this.lost(index);
    if (this.arrived[one.index]) return undefined;
    const { offset, length } = this.range(one.index);
    if (data.length !== length)
      throw failure('BODY_DAMAGED', `A part of ${length} bytes came with ${data.length}.`);
    this.body.set(data, offset);
    this.arrived[one.index] = true;
    this.missing--;
    this.hashOn();
    return this.missing === 0 ? this.checked() : undefined;
  }

  /** Time went by. Returns what to ask for once more; throws BODY_LOST or DEADLINE when there is no use in waiting. */
  turn(nowMs: number): (ChunkRange & { readonly seq: number }) | undefined {
    const { untilMs, silentMsMax } = this.options;
    if (nowMs >= untilMs) throw failure('DEADLINE', `The time was over with ${this.progress} there.`);
    if (nowMs - this.heardMs >= silentMsMax) throw this.gone(`was silent for ${silentMsMax} ms`);
    if (nowMs - this.probedMs < PROBE_AFTER_MS || this.asked.length >= PROBES_OPEN_MAX) return undefined;
    this.probedMs = nowMs;
    const first = this.asked.find(({ index }) => !this.arrived[index]);
    return first && this.ask(first.index);
  }

  /** Our own loop was held up: the holder is not to blame for that time. */
  forgive(ms: number): void {
    this.heardMs += ms;
    this.probedMs += ms;
  }

  gone(how: string): Failure {
    return failure('BODY_LOST', `Whoever holds the body ${how}; ${this.progress} had arrived.`);
  }

  private get progress(): string {
    return `${this.arrived.length - this.missing} of ${this.arrived.length} parts`;
  }

  private ask(index: number): ChunkRange & { readonly seq: number } {
    const seq = ++this.seqs;
    this.asked.push({ seq, index });
    return { seq, ...this.range(index) };
  }

  private range(index: number): ChunkRange {
    const { chunkBytes, reference } = this.options;
    const offset = this.start + index * chunkBytes;
    return { offset, length: Math.min(chunkBytes, reference.bytes - offset) };
  }

  private lost(index: number): void {
    // Asked for twice, or there already.
    if (this.arrived[index] || this.asked.some((other) => other.index === index)) return;
    if (++this.losses > LOSSES_MAX) throw this.gone(`lost ${this.losses} parts on the way`);
    this.again.push(index);
  }

  private hashOn(): void {
    for (; this.arrived[this.hashed]; this.hashed++) {
      const { offset, length } = this.range(this.hashed);
      this.hash.update(this.body.subarray(offset, offset + length));
    }
  }

  private checked(): Buffer {
    if (this.hash.digest('hex') === this.options.reference.sha256) return this.body;
    throw failure('BODY_DAMAGED', `The ${this.body.length} bytes do not have the digest that was announced.`);
  }
}
