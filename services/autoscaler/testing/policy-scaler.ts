// The replica policy as a scaler of the queue simulator: it learns what a request takes from those that ended.
import { ScalingPolicy } from '../../../contracts/scaling.js';
import { type Decision, decideReplicas, newScaler, type ScalerState } from '../policy/decide-replicas.js';
import type { Scaler, View } from './queue-simulator.js';

export class PolicyScaler implements Scaler {
  readonly tickMs = 250;
  readonly decisions = { steady: 0, bursty: 0, idle: 0 };
  last: Decision | undefined;
  private state: ScalerState = newScaler(0);

  constructor(
    private readonly startMs: number,
    private readonly policy: ScalingPolicy = ScalingPolicy.parse({ maxReplicas: 10_000 }),
  ) {}

  desired(atMs: number, view: View): number {
    const meanMs = view.ended === 0 ? 1_000 : view.endedMs / view.ended;
    const variance = view.ended === 0 ? meanMs ** 2 : view.endedSquares / view.ended - meanMs ** 2;
    const { state, decision } = decideReplicas(
      this.state,
      {
        atMs,
        arrived: view.arrived,
        running: view.running,
        queued: view.queued,
        service: { meanMs, cv: Math.sqrt(Math.max(0, variance)) / meanMs },
        slots: 1,
        startMs: this.startMs,
      },
      this.policy,
    );
    this.state = state;
    this.last = decision;
    this.decisions[decision.mode]++;
    return decision.desired;
  }
}
