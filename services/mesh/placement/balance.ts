// One choice for every endpoint so that no centre is asked for more than it has, by sums alone: from the cheapest of all or from what there is, whoever can
// make room at the least cost does so; then whoever can have something better without others losing more gets it. Which shards they
// get is somebody else's question.
import type { Offers } from './offers.js';

const EPSILON = 1e-9;
// Others that may have to move so that one gets what it wants.
const CHAIN_MAX = 4;
// Of the choices that would be better.
const WISHES_MAX = 4;

export class Balance {
  /** Of each endpoint the choice, counted as in Offers. */
  readonly chosen: Int32Array;
  private readonly used: Float64Array;
  /** Of every choice its cost and what it takes of what is scarce. */
  private readonly priced: Float64Array;
  /** Of each endpoint the cheapest choice's cost, with what is scarce. */
  private readonly least: Float64Array;
  private readonly users: readonly Set<number>[];

  constructor(
    private readonly offers: Offers,
    prices: Float64Array,
    /** Of each endpoint the choice that it begins with; the cheapest where it is -1. */
    began?: Int32Array,
  ) {
    this.chosen = new Int32Array(offers.endpoints);
    offers.cheapest(prices, this.chosen);
    const priced = (this.priced = offers.priced(prices));
    this.least = Float64Array.from(this.chosen, (choice) => priced[choice] as number);
    if (began) this.chosen.forEach((_, e) => began[e] !== -1 && (this.chosen[e] = began[e] as number));
    this.used = offers.used(this.chosen);
    this.users = Array.from({ length: offers.resources }, () => new Set<number>());
    for (let e = 0; e < offers.endpoints; e++) this.enter(e);
  }

  get cost(): number {
    return this.chosen.reduce((sum, choice) => sum + (this.offers.cost[choice] as number), 0);
  }

  get leavesOut(): boolean {
    for (let e = 0; e < this.offers.endpoints; e++) if (this.isLeftOut(e)) return true;
    return false;
  }

  /** Until nothing is asked for beyond what there is. */
  relieve(): void {
    for (;;) {
      // One after the other: with fifty regions most of them are too full at first.
      const worst = this.used.reduce((most, part, r) => (part > (this.used[most] as number) ? r : most), 0);
      const step = this.reliefOf(undefined, Number.POSITIVE_INFINITY, worst, worst + 1);
      if (!step) return;
      this.move(step.e, step.choice);
    }
  }

  /** Whoever is left out gets a place where others can make room for less. */
  admit(): void {
    for (let e = 0; e < this.offers.endpoints; e++) if (this.isLeftOut(e)) this.better(e);
  }

  improve(passes: number): void {
    const { offers } = this;
    for (let pass = 0; pass < passes; pass++) {
      const regrets = Array.from({ length: offers.endpoints }, (_, e) => ({
        e,
        regret: this.costOf(e) - (offers.cost[offers.first[e] as number] as number),
      }));
      const regretting = regrets.filter(({ regret }) => regret > EPSILON).sort((a, b) => b.regret - a.regret);
      let changed = false;
      for (const { e } of regretting) changed = this.better(e) || changed;
      if (!changed) return;
    }
  }

  /** With whoever has to make room for it; undefined, and nothing done, where all together cost more than this more. */
  private take(e: number, wish: number, moreMax: number): number | undefined {
    const { cost } = this.offers;
    const moves: [number, number][] = [[e, this.chosen[e] as number]];
    let more = (cost[wish] as number) - this.costOf(e);
    this.move(e, wish);
    let room = !this.isOver();
    for (let chain = 0; chain <= CHAIN_MAX && !room; chain++) {
      const step = this.reliefOf(e, moreMax - more);
      if (!step) break;
      moves.push([step.e, this.chosen[step.e] as number]);
      more += (cost[step.choice] as number) - this.costOf(step.e);
      this.move(step.e, step.choice);
      room = !this.isOver();
    }
    if (room && more < moreMax) return more;
    for (const [who, back] of moves.reverse()) this.move(who, back);
    return undefined;
  }

  /** An endpoint's choices are sorted by their costs. */
  private better(e: number): boolean {
    const { offers } = this;
    const { cost, first } = offers;
    const now = this.chosen[e] as number;
    const from = first[e] as number;
    const wishesMax = this.isLeftOut(e) ? Number.POSITIVE_INFINITY : WISHES_MAX;
    for (let wish = from; wish < from + wishesMax; wish++) {
      if ((cost[wish] as number) >= (cost[now] as number) - EPSILON) return false;
      if (this.take(e, wish, -EPSILON) !== undefined) return true;
    }
    return false;
  }

  private isLeftOut(e: number): boolean {
    const { firstUse } = this.offers;
    const now = this.chosen[e] as number;
    return firstUse[now] === firstUse[now + 1];
  }

  private isOver(): boolean {
    for (const part of this.used) if (part > 1 + EPSILON) return true;
    return false;
  }

  /** The move that costs least for the excess it takes away. */
  private reliefOf(except: number | undefined, costMax: number, from = 0, to = this.offers.resources) {
    const { offers, priced } = this;
    let found: { e: number; choice: number } | undefined;
    let best = Number.POSITIVE_INFINITY;
    for (let r = from; r < to; r++) {
      if ((this.used[r] as number) <= 1 + EPSILON) continue;
      for (const e of this.users[r] as Set<number>) {
        if (e === except) continue;
        const now = this.chosen[e] as number;
        const costNow = offers.cost[now] as number;
        const pricedNow = priced[now] as number;
        // Most need no look at their choices: even the cheapest would cost more for all that it could take away.
        const before = this.excessOf(now);
        if (Math.max((this.least[e] as number) - pricedNow, 1e-6) >= best * before) continue;
        offers.book(now, -1, this.used);
        for (let choice = offers.first[e] as number; choice < (offers.first[e + 1] as number); choice++) {
          const more = (offers.cost[choice] as number) - costNow;
          // Sorted by cost.
          if (more >= costMax) break;
          const lost = Math.max((priced[choice] as number) - pricedNow, 1e-6) + Math.max(more, 0) / 10;
          if (lost >= best * before || choice === now) continue;
          const relief = before - this.excessBy(choice);
          if (relief <= EPSILON || lost >= best * relief) continue;
          best = lost / relief;
          found = { e, choice };
        }
        offers.book(now, 1, this.used);
      }
    }
    return found;
  }

  /** What would not be asked for beyond all there is without it. */
  private excessOf(choice: number): number {
    const { firstUse, resource, part } = this.offers;
    let excess = 0;
    for (let u = firstUse[choice] as number; u < (firstUse[choice + 1] as number); u++) {
      const over = (this.used[resource[u] as number] as number) - 1;
      if (over > 0) excess += Math.min(over, part[u] as number);
    }
    return excess;
  }

  /** What it adds to what is asked for beyond all there is. */
  private excessBy(choice: number): number {
    const { firstUse, resource, part } = this.offers;
    let excess = 0;
    for (let u = firstUse[choice] as number; u < (firstUse[choice + 1] as number); u++) {
      const over = (this.used[resource[u] as number] as number) - 1;
      const after = over + (part[u] as number);
      if (after > 0) excess += over > 0 ? (part[u] as number) : after;
    }
    return excess;
  }

  private costOf(e: number): number {
    return this.offers.cost[this.chosen[e] as number] as number;
  }

  private move(e: number, choice: number): void {
    const { firstUse, resource } = this.offers;
    const now = this.chosen[e] as number;
    this.offers.book(now, -1, this.used);
    for (let u = firstUse[now] as number; u < (firstUse[now + 1] as number); u++)
      this.users[resource[u] as number]?.delete(e);
    this.chosen[e] = choice;
    this.offers.book(choice, 1, this.used);
    this.enter(e);
  }

  private enter(e: number): void {
    const { firstUse, resource } = this.offers;
    const choice = this.chosen[e] as number;
    for (let u = firstUse[choice] as number; u < (firstUse[choice + 1] as number); u++)
      this.users[resource[u] as number]?.add(e);
  }
}
