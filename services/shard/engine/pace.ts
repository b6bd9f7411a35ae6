// Milliseconds that one request costs a replica while it has more to do than it can: measured from the end of one turn to the end of
// the next, so that reading, refusing and the turns of neighbours are in it. Tells how long a new request would wait.
const WEIGHT = 0.1;
const STEP_MAX = 2;

export class Pace {
  private lastEndMs: number | undefined;

  constructor(private itemMs: number) {}

  get requestMs(): number {
    return this.itemMs;
  }

  /** `busy`: more was waiting when the turn began, so nothing idle is counted. */
  turned(endMs: number, requests: number, more: boolean): void {
    const { lastEndMs } = this;
    this.lastEndMs = more ? endMs : undefined;
    if (lastEndMs === undefined || requests === 0) return;
    const seen = (endMs - lastEndMs) / requests;
    const ratio = Math.min(Math.max(seen / this.itemMs, 1 / STEP_MAX), STEP_MAX);
    this.itemMs = Math.max(this.itemMs * (1 + (ratio - 1) * WEIGHT), 1e-4);
  }
}
