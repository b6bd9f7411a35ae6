// Latency as the balancer feels it: jumps up with a slow answer at once, comes down over seconds (peak EWMA, as in Finagle and
// Linkerd). A replica that turned slow must be felt by the next request, one fast answer does not clear its name.

const DECAY_MS = 10_000;

export class PeakEwma {
  private average: number;
  private at = Number.NEGATIVE_INFINITY;

  /** `startMs` stands until the first answer. */
  constructor(
    startMs = 0,
    /** What is left of the distance after one faster answer, at most: 1 leaves it to time alone. */
    private readonly kept = 1,
  ) {
    this.average = startMs;
  }

  /** Whether any answer was seen at all. */
  get known(): boolean {
    return this.at !== Number.NEGATIVE_INFINITY;
  }

  get valueMs(): number {
    return this.average;
  }

  /** Nothing was heard for so long: what was seen counts for less. */
  forget(ms: number, decayMs: number): void {
    this.average *= Math.exp(-ms / decayMs);
  }

  observe(latencyMs: number, nowMs: number): void {
    if (!this.known || latencyMs >= this.average) this.average = latencyMs;
    else
      this.average =
        latencyMs + (this.average - latencyMs) * Math.min(this.kept, Math.exp(-(nowMs - this.at) / DECAY_MS));
    this.at = nowMs;
  }
}
