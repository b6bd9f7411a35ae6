// Knative's pod autoscaler as its documentation and source describe it (knative.dev/docs/serving/autoscaling, pkg/autoscaler/scaling):
// the mean concurrency of a stable and of a panic window over a target; in panic it only grows. A peer of `bench scale`.
import type { Scaler, View } from '../../services/autoscaler/testing/queue-simulator.js';

const STABLE_MS = 60_000;
const PANIC_MS = 6_000;
const PANIC_THRESHOLD = 2;
const UP_RATE_MAX = 1_000;
const DOWN_RATE_MAX = 2;

export class KnativeAutoscaler implements Scaler {
  readonly tickMs = 2_000;
  private samples: { readonly atMs: number; readonly concurrency: number }[] = [];
  private replicas = 1;
  private panicSinceMs: number | undefined;
  private panicMost = 0;

  /** `target` is the concurrency wanted of a replica: 0.7 of its limit when nothing is said. */
  constructor(private readonly target: number) {}

  desired(atMs: number, view: View): number {
    this.samples = [
      ...this.samples.filter((sample) => sample.atMs > atMs - STABLE_MS),
      { atMs, concurrency: view.running + view.queued },
    ];
    const stable = this.wish(atMs - STABLE_MS);
    const panic = this.wish(atMs - PANIC_MS);
    if (panic / this.replicas >= PANIC_THRESHOLD) this.panicSinceMs = atMs;
    else if (this.panicSinceMs !== undefined && atMs - this.panicSinceMs > STABLE_MS) {
      this.panicSinceMs = undefined;
      this.panicMost = 0;
    }
    if (this.panicSinceMs === undefined) this.replicas = stable;
    else {
      this.panicMost = Math.max(this.panicMost, this.replicas, stable, panic);
      this.replicas = this.panicMost;
    }
    return this.replicas;
  }

  private wish(sinceMs: number): number {
    const window = this.samples.filter((sample) => sample.atMs > sinceMs);
    const mean = window.reduce((sum, { concurrency }) => sum + concurrency, 0) / Math.max(1, window.length);
    const wish = Math.ceil(mean / this.target);
    const lowest = Math.max(1, Math.floor(this.replicas / DOWN_RATE_MAX));
    return Math.min(Math.ceil(this.replicas * UP_RATE_MAX), Math.max(lowest, wish));
  }
}
