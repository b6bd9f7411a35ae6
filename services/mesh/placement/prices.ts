// What scarcity costs: memory, busy time and movement get prices that rise while too much of them is asked for and fall while there is
// some to spare: a Lagrangian relaxation by subgradients with Polyak's step (Introduction to Optimization, 1987). The greedy answer and
// the list of choices lean on them.
import type { Choice, Scarcity } from './choices.js';
import type { Offers } from './offers.js';
import { BUSY_SHARE, type Setting } from './setting.js';

// After it prices hardly change any more.
const STEP_LEAST = 1 / 16;

export class Prices implements Scarcity {
  /** Of all there is of a resource, in the order of Offers. */
  private values: Float64Array;
  private best: Float64Array;
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
    this.best = this.values;
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

  /** Of every choice: its cost and what it takes of what is scarce, whose prices may be multiplied. */
  priced(offers: Offers, factor: () => number = () => 1): Float64Array {
    return offers.priced(this.best.map((value) => value * factor()));
  }

  /** `target`: what a plan is known to cost, or may. True when the cheapest of all ask for no more than there is. */
  learn(offers: Offers, rounds: number, target: () => number): boolean {
    this.bound = Number.NEGATIVE_INFINITY;
    this.values = this.best.slice();
    this.step = 1;
    const into = new Float64Array(offers.cost.length);
    for (let round = 0; round < rounds; round++) {
      const priced = offers.priced(this.values, into);
      const chosen = cheapestOf(offers, priced);
      let bound = -this.values.reduce((sum, value) => sum + value, 0);
      for (const choice of chosen) bound += priced[choice] as number;
      const used = offers.used(chosen);
      let norm = 0;
      for (let r = 0; r < used.length; r++) {
        const over = (used[r] as number) - 1;
        used[r] = over;
        if (over > 0 || (this.values[r] as number) > 0) norm += over * over;
      }
      if (bound > this.bound + 1e-9) {
        this.bound = bound;
        this.best = this.values.slice();
        this.patience = 0;
      } else if (++this.patience >= 5) {
        this.step /= 2;
        this.patience = 0;
      }
      if (norm < 1e-12) return true;
      if (this.step < STEP_LEAST) return false;
      if (round === 0 && this.values.every((value) => value === 0) && used.every((over) => over <= 0))
        return true;
      const length = (this.step * Math.max(target() - bound, 1e-3 * Math.abs(bound))) / norm;
      for (let r = 0; r < used.length; r++)
        this.values[r] = Math.max(0, (this.values[r] as number) + length * (used[r] as number));
    }
    return false;
  }
}

/** Of each endpoint, by these costs. */
export function cheapestOf({ first, endpoints }: Offers, costs: Float64Array): Int32Array {
  const chosen = new Int32Array(endpoints);
  for (let e = 0; e < endpoints; e++) {
    const end = first[e + 1] as number;
    let best = first[e] as number;
    let least = costs[best] as number;
    for (let choice = best + 1; choice < end; choice++) {
      const cost = costs[choice] as number;
      if (cost >= least) continue;
      least = cost;
      best = choice;
    }
    chosen[e] = best;
  }
  return chosen;
}
