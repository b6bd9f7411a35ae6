// Latency as the balancer feels it: jumps up with a slow answer at once, comes down over seconds (peak EWMA, as in Finagle and
// Linkerd). A replica that turned slow must be felt by the next request, one fast answer does not clear its name.

const DECAY_MS = 10_000;

export class PeakEwma {
  private average: number;
  private at = Number.NEGATIVE_INFINITY;

  /** `startMs` stands until the first answer. */
  constructor(startMs = 0) {
    this.average = startMs;
  }

  /** Whether any answer was seen at all. */
  get known(): boolean {
    return this.at !== Number.NEGATIVE_INFINITY;
  }

  get valueMs(): number {
    return this.average;
  }

  observe(latencyMs: number, nowMs: number): void {
    if (!this.known || latencyMs >= this.average) this.average = latencyMs;
    else this.average = latencyMs + (this.average - latencyMs) * Math.exp(-(nowMs - this.at) / DECAY_MS);
    this.at = nowMs;
  }
}
