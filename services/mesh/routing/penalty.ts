// Failures as load: a replica that fails fast looks idle and quick, and would draw all traffic. Every failure adds milliseconds
// that nobody waits, success halves them, time takes them away. The route counts them as latency.

/** Three failures without a success between them reach the 5,000 at which the route looks for anybody else first. */
const PER_FAILURE_MS = 2_000;
const MAX_MS = 10_000;
const DECAY_MS = 3_000;
// Below this it says nothing any more, and a replica without penalty costs the sweep nothing.
const FORGOTTEN_MS = 1;

export class Penalty {
  private value = 0;
  private at = 0;

  failed(nowMs: number): number {
    this.value = Math.min(this.valueAt(nowMs) + PER_FAILURE_MS, MAX_MS);
    return this.value;
  }

  succeeded(): number {
    if (this.value > 0) this.value /= 2;
    return this.value;
  }

  valueAt(nowMs: number): number {
    if (this.value > 0) {
      this.value *= Math.exp(-(nowMs - this.at) / DECAY_MS);
      if (this.value < FORGOTTEN_MS) this.value = 0;
    }
    this.at = nowMs;
    return this.value;
  }
}
