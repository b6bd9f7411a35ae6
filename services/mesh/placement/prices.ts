// What scarcity costs: memory, busy time and movement get prices that rise while too much of them is asked for and fall while there is
// some to spare: a Lagrangian relaxation by subgradients with Polyak's step (Introduction to Optimization, 1987). The greedy answer and
// the list of choices lean on them.
import type { Choice } from './choice.js';
import type { Scarcity } from './seating.js';
import type { Offers } from './offers.js';
import { BUSY_SHARE, type Setting } from './setting.js';

// After it prices hardly change any more.
const STEP_LEAST = 1 / 16;

export class Prices implements Scarcity {
  /** Of all there is of a resource, in the order of Offers. */
  private readonly values: Float64Array;
  private readonly best: Float64Array;
  /** Of each resource what the cheapest ask for, and then how much more than there is. */
  private readonly used: Float64Array;
  /** No plan is better than this, of the choices that were learnt from. */
  bound = Number.NEGATIVE_INFINITY;
  private step = 1;
  private patience = 0;

  constructor(
    private readonly setting: Setting,
    /** What may move in all, requests a second. */
    readonly movableRate: number,
  ) {
    this.values = new Float64Array(2 * setting.centres.length + 1);
    this.best = new Float64Array(this.values.length);
    this.used = new Float64Array(this.values.length);
  }

  /** Of all there is of a resource, as in Offers. */
  get ofAll(): Float64Array {
    return this.best;
  }

  memory(centre: number): number {
    return (this.best[centre] as number) / (this.setting.centres[centre]?.memoryBytes ?? 1);
  }

  busy(centre: number): number {
    const { centres } = this.setting;
    const devices = (centres[centre]?.shards.length ?? 1) * BUSY_SHARE;
    return (this.best[centres.length + centre] as number) / devices;
  }

  get moving(): number {
    return this.movableRate > 0 ? (this.best.at(-1) as number) / this.movableRate : 0;
  }

  priceOf({ cost, uses, movedRate }: Choice): number {
    return uses.reduce(
      (sum, { centre, bytes, busy }) => sum + bytes * this.memory(centre) + busy * this.busy(centre),
      cost + movedRate * this.moving,
    );
  }

  /**
   * `hope`: what a plan may cost, in times of the bound. True when the cheapest of all ask for no more than there is. Asked again, with more
   * choices than before: at prices learnt from fewer the bound can be far below zero, and steps towards a part of that would lead nowhere.
   */
  learn(offers: Offers, rounds: number, hope: number): boolean {
    const { values, used } = this;
    // With more choices no plan has to cost more.
    const enough = this.bound;
    this.bound = Number.NEGATIVE_INFINITY;
    values.set(this.best);
    this.step = 1;
    this.patience = 0;
    const chosen = new Int32Array(offers.endpoints);
    for (let round = 0; round < rounds; round++) {
      let bound = offers.cheapest(values, chosen);
      for (const value of values) bound -= value;
      offers.used(chosen, used);
      let norm = 0;
      for (let r = 0; r < used.length; r++) {
        const over = (used[r] as number) - 1;
        used[r] = over;
        if (over > 0 || (values[r] as number) > 0) norm += over * over;
      }
      if (bound > this.bound + 1e-9) {
        this.bound = bound;
        this.best.set(values);
        this.patience = 0;
      } else if (++this.patience >= 5) {
        this.step /= 2;
        this.patience = 0;
      }
      if (norm < 1e-12) return true;
      if (this.step < STEP_LEAST) return false;
      if (round === 0 && values.every((value) => value === 0) && used.every((over) => over <= 0)) return true;
      const target = Math.max(this.bound * hope, enough);
      const length = (this.step * Math.max(target - bound, 1e-3 * Math.abs(bound))) / norm;
      for (let r = 0; r < used.length; r++)
        values[r] = Math.max(0, (values[r] as number) + length * (used[r] as number));
    }
    return false;
  }
}
