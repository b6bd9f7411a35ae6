// Ray Serve's replica autoscaling as its documentation describes it (docs.ray.io/en/latest/serve/autoscaling-guide.html): ongoing
// requests over a look-back window, divided by a target, acted on when the wish has lasted. A peer of `bench scale`.
import type { Scaler, View } from '../../services/autoscaler/testing/queue-simulator.js';

const LOOK_BACK_MS = 30_000;
const UP_DELAY_MS = 30_000;
const DOWN_DELAY_MS = 600_000;

export class RayServeAutoscaler implements Scaler {
  readonly tickMs = 10_000;
  private samples: { readonly atMs: number; readonly ongoing: number }[] = [];
  private replicas = 1;
  private wishSince: { readonly direction: number; readonly atMs: number } | undefined;

  /** `target` is `target_ongoing_requests` of a replica. */
  constructor(private readonly target: number) {}

  desired(atMs: number, view: View): number {
    this.samples = [
      ...this.samples.filter((sample) => sample.atMs > atMs - LOOK_BACK_MS),
      { atMs, ongoing: view.running + view.queued },
    ];
    const mean = this.samples.reduce((sum, { ongoing }) => sum + ongoing, 0) / this.samples.length;
    const wish = Math.max(1, Math.ceil(mean / this.target));
    const direction = Math.sign(wish - this.replicas);
    if (direction === 0) this.wishSince = undefined;
    else {
      if (this.wishSince?.direction !== direction) this.wishSince = { direction, atMs };
      if (atMs - this.wishSince.atMs >= (direction > 0 ? UP_DELAY_MS : DOWN_DELAY_MS)) {
        this.replicas = wish;
        this.wishSince = undefined;
      }
    }
    return this.replicas;
  }
}
