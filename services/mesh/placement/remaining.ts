// What the centres have left beside the endpoints of a plan that stay where they are: memory, busy time, and what may still move.
import type { Choice } from './choice.js';
import { BUSY_SHARE, type Setting } from './setting.js';

export class Remaining {
  private readonly memory: Float64Array;
  private readonly busy: Float64Array;

  constructor(
    { centres }: Setting,
    public movable: number,
  ) {
    this.memory = Float64Array.from(centres, ({ memoryBytes }) => memoryBytes);
    this.busy = Float64Array.from(centres, ({ shards }) => shards.length * BUSY_SHARE);
  }

  memoryOf(centre: number): number {
    return this.memory[centre] as number;
  }

  busyOf(centre: number): number {
    return this.busy[centre] as number;
  }

  lay(choice: Choice): void {
    this.book(choice, -1);
  }

  take(choice: Choice): void {
    this.book(choice, 1);
  }

  /** Whether nothing is fuller or busier than it may be, and no more moves. */
  get holds(): boolean {
    const within = (left: number): boolean => left >= -1e-6;
    return within(this.movable) && this.memory.every(within) && this.busy.every(within);
  }

  private book({ uses, movedRate }: Choice, sign: 1 | -1): void {
    this.movable += sign * movedRate;
    for (const { centre, bytes, busy } of uses) {
      this.memory[centre] = this.memoryOf(centre) + sign * bytes;
      this.busy[centre] = this.busyOf(centre) + sign * busy;
    }
  }
}
