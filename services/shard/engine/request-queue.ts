// What waits in front of one replica, oldest first, and which of it shares the next run. The replica bounds it by its capacity.
import type { InferRequest } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { ReturnAddress } from './answers.js';
import type { RunHeaders } from './run-headers.js';
import type { Held } from './time-left.js';

export interface Decoded {
  readonly request: InferRequest;
  /** In the order in which the model declares them. */
  readonly inputs: Tensor[];
  /** 0: runs alone. */
  readonly rows: number;
  /** Equal for requests that may share a run. */
  readonly key: string;
}

export interface Waiting extends Held {
  readonly to: ReturnAddress;
  readonly headers: RunHeaders;
  readonly body: Uint8Array;
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
    this.waiting.push(request);
  }

  takeAll(): Waiting[] {
    const all = this.waiting;
    this.waiting = [];
    return all;
  }

  /** The oldest that `isReady` lets pass, and those behind it that fit into its run; what is not ready is dropped. */
  take(rowsMax: number, isReady: (request: Waiting) => request is Ready): Ready[] {
    const batch: Ready[] = [];
    const passedOver: Waiting[] = [];
    let rows = 0;
    let at = 0;
    let full = false;
    while (!full && at < this.waiting.length) {
      const next = this.waiting[at++];
      if (next === undefined || !isReady(next)) continue;
      if (!fits(batch[0], next, rowsMax - rows)) {
        passedOver.push(next);
        continue;
      }
      batch.push(next);
      rows += next.decoded.rows;
      full = next.decoded.rows === 0 || rows >= rowsMax;
    }
    const behind = this.waiting.slice(at);
    this.waiting = passedOver.length === 0 ? behind : [...passedOver, ...behind];
    return batch;
  }
}

function fits(head: Ready | undefined, next: Ready, rowsLeft: number): boolean {
  if (head === undefined) return true;
  const { rows, key } = next.decoded;
  return rows > 0 && rows <= rowsLeft && key === head.decoded.key;
}
