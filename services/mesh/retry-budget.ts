// How much extra load retries may make: a tenth of the traffic, and ten a second where that is more. Without it a slow mesh gets
// two and three times its load from callers who try again. A few at a time may always try, so a lone failing call is not lost.
import type { Clock } from './clock.js';

export interface RetryBudgetOptions {
  readonly perRequest: number;
  readonly perSecond: number;
  /** Retries under way that need no budget, while hardly anything is asked: a lone failing call is not lost. */
  readonly floor: number;
}

const RETRIES: RetryBudgetOptions = { perRequest: 0.1, perSecond: 10, floor: 3 };
/** Second attempts beside a first one that is well: rarer, and nothing is saved up for them. */
export const HEDGES: RetryBudgetOptions = { perRequest: 0.02, perSecond: 0, floor: 1 };
// What is not used within ten seconds is forfeited, so a quiet night pays for no storm in the morning.
const WINDOW_MS = 10_000;
/** So few within the window cannot overload anything by trying again. */
const LONELY_REQUESTS = 10;

export class RetryBudget {
  private balance: number;
  private paidUpTo: number;
  private requests = 0;
  private underWay = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: RetryBudgetOptions = RETRIES,
  ) {
    this.balance = this.reserve();
    this.paidUpTo = clock.monotonicMs();
  }

  /** A first attempt pays in. */
  request(): void {
    this.balance += this.options.perRequest;
    this.requests++;
  }

  /** False when retries are used up for now; who gets true must call done() when that attempt has ended. */
  take(): boolean {
    this.age();
    if (this.balance >= 1) this.balance--;
    else if (this.requests > LONELY_REQUESTS || this.underWay >= this.options.floor) return false;
    this.underWay++;
    return true;
  }

  done(): void {
    this.underWay--;
  }

  private reserve(): number {
    const { perRequest, perSecond } = this.options;
    return Math.max(0, (perSecond * WINDOW_MS) / 1_000 - this.requests * perRequest);
  }

  /** What lies there decays towards the reserve, whether it is above or below. */
  private age(): void {
    const now = this.clock.monotonicMs();
    const kept = Math.exp(-(now - this.paidUpTo) / WINDOW_MS);
    this.requests *= kept;
    this.balance = this.reserve() + (this.balance - this.reserve()) * kept;
    this.paidUpTo = now;
  }
}
