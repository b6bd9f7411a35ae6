// Plans by sums until the time is up: some attempts one after the other, then the solver crosses the best of those that are known, and so
// on, in turn: two threads that compute at once leave a machine of two cores none for who renews a lease. Two attempts end a per cent
// apart and have most of their endpoints in common; what they are crossed to is better than both.
import { attempt } from './attempt.js';
import { costOfAll } from './choice.js';
import { crossed, GRACE_S, type Plan } from './cross.js';
import type { ExchangeLimits } from './exchange.js';
import type { Market } from './market.js';
import type { Setting } from './setting.js';
import type { SolverThread } from './solver.js';
import { timeShareUntil } from './time-share.js';

/** So near to what nothing can be better than, the solver finds more when it may lay all endpoints down anew. */
const NEARLY = 5e-3;
const ATTEMPT_MS = 300;
/** So many are kept, and crossed with each other. */
const KEPT = 4;
/** Attempts before the best are crossed, again and again. */
const CROSSED_EACH = 3;
const CROSSING_S_MAX = 0.5;
const CROSSING_S_LEAST = 0.1;
/** Of what the time of devices costs: an attempt that ends where one has ended before is followed by others at the next of these. */
const DEAR = [1, 0.5, 0.7, 0.85, 1.2] as const;

export class Attempts {
  /** The best first. */
  plans: readonly Plan[];
  private made = 0;
  /** Of the bands of an attempt, how much: wider ones end with what no division makes good. */
  private narrow = 1;
  private dear = 0;
  private readonly ends = new Set<string>();
  private lastCrossed: readonly Plan[] = [];

  constructor(
    private readonly setting: Setting,
    private readonly market: Market,
    private readonly thread: SolverThread,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.plans = [market.chosen];
  }

  get best(): Plan {
    return this.plans[0] as Plan;
  }

  /** Sooner where there is hardly anything left to be found. */
  async until(endsMs: number): Promise<void> {
    const { setting, market, thread, signal } = this;
    const enough = market.bound * (1 + NEARLY);
    while (performance.now() < endsMs && costOfAll(this.best) > enough) {
      const limits = limitsUntil(endsMs, ++this.made);
      const terms = { narrow: this.narrow, dear: DEAR[this.dear] as number };
      const { plan, isOver } = await attempt(setting, market, limits, terms, thread, signal);
      if (isOver) this.narrow /= 2;
      const isWorse = costOfAll(plan) > costOfAll(this.best);
      const isKnown = this.hasEndedAt(plan);
      if (isKnown || (this.dear > 0 && isWorse)) this.dear = (this.dear + 1) % DEAR.length;
      if (!isKnown) this.learn(plan);
      if (this.made % CROSSED_EACH === 0) await this.cross(endsMs);
    }
  }

  /** There is nothing to be crossed of a plan and itself. */
  private hasEndedAt(plan: Plan): boolean {
    const cost = costOfAll(plan).toPrecision(9);
    const known = this.ends.has(cost);
    this.ends.add(cost);
    return known;
  }

  private learn(plan: Plan): void {
    if (this.plans.includes(plan)) return;
    this.plans = [...this.plans, plan].sort((a, b) => costOfAll(a) - costOfAll(b)).slice(0, KEPT);
  }

  /** Not the same once more. */
  private async cross(endsMs: number): Promise<void> {
    const { setting, market, plans, thread, signal } = this;
    const [best, ...others] = plans;
    const leftS = (endsMs - performance.now()) / 1_000 - GRACE_S;
    if (!best || others.length === 0 || leftS < CROSSING_S_LEAST) return;
    if (plans.every((plan, i) => plan === this.lastCrossed[i])) return;
    this.lastCrossed = plans;
    const seconds = Math.min(CROSSING_S_MAX, leftS);
    const { movableRate } = market;
    this.learn(await crossed(setting, [best, ...others], movableRate, seconds, thread, signal));
  }
}

const limitsUntil =
  (endsMs: number, seed: number) =>
  (part: number, warmth: number): ExchangeLimits => {
    const passed = timeShareUntil(Math.min(performance.now() + ATTEMPT_MS * part, endsMs));
    return { looks: Number.POSITIVE_INFINITY, warmth, seed, passed };
  };
