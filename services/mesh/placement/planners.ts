// The planner's threads: one for answers at once, one for those that are solved. An answer at once does not wait behind seconds of solving,
// nor for the collector of what that left. The registry and the benchmark lean on it.
import { type Plan, PlannerThread } from './planner.js';

export class Planners {
  private readonly atOnce: PlannerThread;
  private readonly solving: PlannerThread;

  constructor(entry?: URL) {
    this.atOnce = new PlannerThread(entry);
    this.solving = new PlannerThread(entry);
  }

  readonly plan: Plan = (problem, what, signal) => {
    const thread = what === 'solved' || what === 'all' ? this.solving : this.atOnce;
    return thread.plan(problem, what, signal);
  };

  async close(): Promise<void> {
    await Promise.all([this.atOnce.close(), this.solving.close()]);
  }
}
