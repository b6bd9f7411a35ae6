// What a replica's turns take beside their runs while it has more to do than it can: reading, refusing, the turns of neighbours. Measured
// from the end of one turn to the end of the next. Tells how long a new request would wait. It is a price of turns and not of requests: that
// would rise when few are let in, and let in fewer still, until an engine that is asked for too much does nothing but refuse.
const WEIGHT = 0.1;
/** One turn counts as no more than so many times what was expected of it. */
const STEP_MAX = 2;

export class Pace {
  private lastEndMs: number | undefined;
  private beside = 0;

  get besideMs(): number {
    return this.beside;
  }

  /** `more`: something was waiting when the turn ended, so nothing idle is counted in the next. */
  turned(endMs: number, ranMs: number, more: boolean): void {
    const { lastEndMs, beside } = this;
    this.lastEndMs = more ? endMs : undefined;
    if (lastEndMs === undefined) return;
    const seen = Math.min(endMs - lastEndMs, STEP_MAX * (beside + ranMs)) - ranMs;
    this.beside += (Math.max(seen, 0) - beside) * WEIGHT;
  }
}
