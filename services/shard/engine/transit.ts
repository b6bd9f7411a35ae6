// How long messages lie between the bus and this process before they are read, measured: a ping now and then, whose answer comes behind
// everything that the server has for us. What a process cannot read as fast as it comes waits in sockets and in the server's memory, for seconds,
// and a request says only how much time it had when it was sent. The run loop asks while there is more to do than one turn does; whoever
// reads a message subtracts this from its time. No clock but our own is in it.
import type { Clock } from '../../mesh/clock.js';

/** A tenth of the shortest deadlines that anybody works with here. What is read so soon does not stand. */
const EVERY_MS = 5;
/** Answers that are awaited at once: enough for a second, beyond which the exact figure matters to nobody. */
const AWAITED_MAX = 200;

export class Transit {
  private readonly awaited: number[] = [];
  private askedMs = Number.NEGATIVE_INFINITY;
  private heardMs = Number.NEGATIVE_INFINITY;
  private lastMs = 0;

  constructor(
    /** Settles when the server's answer has been read. */
    private readonly ping: () => Promise<void>,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** Of a message that is read now. Where they stand it goes on measuring, whether or not anything is run. */
  ofMessage(nowMs: number): number {
    const ms = this.at(nowMs);
    if (ms >= EVERY_MS) this.measure();
    return ms;
  }

  /** There is more to do than was done. */
  measure(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.askedMs < EVERY_MS || this.awaited.length >= AWAITED_MAX) return;
    this.askedMs = nowMs;
    this.awaited.push(nowMs);
    void this.ping().then(
      () => this.heard(),
      () => this.lost(),
    );
  }

  private at(nowMs: number): number {
    const [oldest] = this.awaited;
    const lastMs = nowMs - this.heardMs <= 2 * EVERY_MS ? this.lastMs : 0;
    // What is read before the answer was sent before it, and is as old as the ping at least.
    return oldest === undefined ? lastMs : Math.max(lastMs, nowMs - oldest);
  }

  private heard(): void {
    this.heardMs = this.clock.monotonicMs();
    this.lastMs = this.heardMs - (this.awaited.shift() ?? this.heardMs);
  }

  /** With the connection goes what lay there. */
  private lost(): void {
    this.awaited.length = 0;
    this.lastMs = 0;
  }
}
