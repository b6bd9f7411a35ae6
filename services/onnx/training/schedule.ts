// The learning rate at each step. It is an input of the training graph, so schedules live outside: pure functions of the
// step, which resume where they were.

export type Schedule =
  | { readonly kind: 'constant'; readonly rate: number }
  /** Rises evenly to `rate`, then falls to `floor` along half a cosine (Loshchilov and Hutter, 2017). */
  | {
      readonly kind: 'cosine';
      readonly rate: number;
      readonly totalSteps: number;
      readonly warmupSteps?: number;
      readonly floor?: number;
    }
  /** Rises evenly, then falls evenly to 0. */
  | {
      readonly kind: 'linear';
      readonly rate: number;
      readonly totalSteps: number;
      readonly warmupSteps?: number;
    }
  /** Times `factor` every `everySteps`. */
  | { readonly kind: 'stairs'; readonly rate: number; readonly everySteps: number; readonly factor: number };

/** Steps count from 0. */
export function rateAt(schedule: Schedule, step: number): number {
  const { rate } = schedule;
  switch (schedule.kind) {
    case 'constant':
      return rate;
    case 'stairs':
      return rate * schedule.factor ** Math.floor(step / schedule.everySteps);
    case 'linear':
    case 'cosine': {
      const warmup = schedule.warmupSteps ?? 0;
      // The first step of a warm-up already moves: with a rate of 0 it would be wasted.
      if (step < warmup) return (rate * (step + 1)) / warmup;
      const gone = Math.min(1, (step - warmup) / Math.max(1, schedule.totalSteps - warmup));
      if (schedule.kind === 'linear') return rate * (1 - gone);
      const floor = schedule.floor ?? 0;
      return floor + ((rate - floor) * (1 + Math.cos(Math.PI * gone))) / 2;
    }
  }
}
