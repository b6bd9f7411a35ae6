// What waits in front of one replica, in the order of turns (rank.ts). The replica bounds it by its capacity: when it is full, a
// higher priority takes the place of the lowest, youngest one.
import type { InferRequest } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { ReturnAddress } from './answers.js';
import type { RunHeaders } from './run-headers.js';
import type { Stage } from './stage.js';
import type { Held } from './time-left.js';

export interface Decoded {
  readonly request: InferRequest;
  /** In the order in which the model declares them. */
  readonly inputs: Tensor[];
  /** 0: runs alone. */
  readonly rows: number;
  /** Numbers of all inputs. */
  readonly items: number;
  /** Equal for requests that may share a run. */
  readonly key: string;
  /** Of a pipeline: what its step does beside the model; `inputs` are those of its first run. */
  readonly stage?: Stage;
}

export interface Waiting extends Held {
  readonly to: ReturnAddress;
  headers: RunHeaders;
  readonly body: Uint8Array;
  /** 1 is the highest. */
  readonly level: number;
  /** Lower goes first. */
  readonly rank: number;
  /** Set when it was looked at first: a request passed over is not decoded again. */
  decoded?: Decoded;
}

export type Ready = Waiting & { decoded: Decoded };

export class RequestQueue {
  private waiting: Waiting[] = [];

  get length(): number {
    return this.waiting.length;
  }

  push(request: Waiting): void {
    this.waiting.splice(this.placeOf(request.rank), 0, request);
  }

  /** How many would go before a request of this rank. */
  placeOf(rank: number): number {
    const { waiting } = this;
    // Nearly all come in the order of their turns.
    let high = waiting.length;
    if (high === 0 || (waiting[high - 1] as Waiting).rank <= rank) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((waiting[middle] as Waiting).rank <= rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Takes out the youngest of the lowest level, if that is lower than `level`; not who is to be spared. */
  displace(level: number, spared: (request: Waiting) => boolean = () => false): Waiting | undefined {
    let victim: Waiting | undefined;
    for (const one of this.waiting) {
      if (one.level <= level || spared(one)) continue;
      if (
        victim === undefined ||
        one.level > victim.level ||
        (one.level === victim.level && one.readAtMs >= victim.readAtMs)
      )
        victim = one;
    }
    if (victim !== undefined) this.remove(victim);
    return victim;
  }

  /** Takes out the request whose answers go to this subject. */
  forget(sender: string): Waiting | undefined {
    const found = this.waiting.find(({ to }) => to.sender === sender);
    if (found !== undefined) this.remove(found);
    return found;
  }

  takeAll(): Waiting[] {
    const all = this.waiting;
    this.waiting = [];
    return all;
  }

  /** The first `max`, in the order of turns, that `keep` lets stay; the others leave the queue. */
  look<T extends Waiting>(max: number, keep: (request: Waiting) => request is T): T[] {
    const kept: T[] = [];
    let at = 0;
    while (kept.length < max) {
      const next = this.waiting[at];
      if (next === undefined) break;
      at++;
      if (keep(next)) kept.push(next);
    }
    if (kept.length < at) this.waiting.splice(0, at, ...kept);
    return kept;
  }

  /** `gone` were among the first `within`. */
  drop(gone: ReadonlySet<Waiting>, within: number): void {
    const { waiting } = this;
    let stay = Math.min(within, waiting.length);
    // Those who stay move up to the others; most runs take the first ones, and nobody stays.
    for (let at = stay - 1; at >= 0; at--) {
      const one = waiting[at] as Waiting;
      if (!gone.has(one)) waiting[--stay] = one;
    }
    waiting.splice(0, stay);
  }

  private remove(one: Waiting): void {
    this.waiting.splice(this.waiting.indexOf(one), 1);
  }
}
