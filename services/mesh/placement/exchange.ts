// A plan by sums made better: a handful of endpoints that stand in each other's way give up their places and take the best others there
// are for all of them together, again and again: a very large neighbourhood searched exactly. The prices of what is scarce keep the tree
// narrow: whatever its endpoints would like better and cannot have adds up, and beyond what there is to gain nothing needs a look.
// Sometimes a little worse is taken too (Kirkpatrick 1983), less and less so.
import { type Random, seededRandom } from '../random.js';
import type { Offers } from './offers.js';
import type { TimeShare } from './time-share.js';

/** What there is of each resource, and what it costs. Of all there is of it, in the order of Offers. */
export interface Terms {
  /** They tell what is scarce, and where nothing better is to be found. */
  readonly prices: Float64Array;
  /** What may be taken, in parts of all there is: all where not given. */
  readonly room?: Float64Array;
  /** What is paid for whatever is taken: where more may be taken than there is, to be made good afterwards. */
  readonly paid?: Float64Array;
}

export interface ExchangeLimits {
  /** What is lost at first is taken once in e times, in parts of what an endpoint costs on average. */
  readonly warmth: number;
  /** Of choices that are looked at. */
  readonly looks: number;
  /** Of the time, where it is short, the part that has passed; asked now and then. */
  readonly passed?: TimeShare;
  /** Another one, another search. */
  readonly seed?: number;
}

/** Whether what fits by sums fits onto the shards. Endpoints and choices are counted as in Offers. */
export interface Shelving {
  /** Whether so many of these could have these choices, with others moved from shard to shard where they are. */
  fits(who: Int32Array, choices: Int32Array, count: number): boolean;
  /** The same, and they have them. */
  take(who: Int32Array, choices: Int32Array, count: number): boolean;
  /** What all have now is the best so far. */
  keep(): void;
}

// Those that stand aside at once: as many as can be searched.
const FREE_LEAST = 3;
const FREE_FIRST = 5;
const FREE_MOST = 12;
const LOOKS_EACH = 1_500;
/** What listing the choices of those that stand aside takes, in looks. */
const LISTING_LOOKS = 50;
/** What it takes to find out whether something fits onto the shards, in looks. */
const PACKING_LOOKS = 500;
/** In the end so much of the warmth is left. */
const WARMTH_END = 0.1;
// Who has its best choice is chosen all the same, now and then.
const CONTENT = 0.03;
const NEIGHBOURS = 0.85;
const WISHES = 8;
/** So near to what nothing can be better than, the solver finds more: it divides groups as no choice does. */
const NEARLY = 5e-3;
const EPSILON = 1e-9;

class Exchange {
  /** The best so far: of each endpoint the choice, counted as in Offers. */
  best: Int32Array;
  bestCost: number;
  private readonly chosen: Int32Array;
  private cost: number;
  /** Of each resource what is taken by all that do not stand aside. */
  private used: Float64Array;
  /** What a choice costs, with what it takes of what is scarce, above the cheapest of its endpoint. */
  private readonly regret: Float64Array;
  private readonly least: Float64Array;
  /** Of each endpoint the choices by regret. */
  private readonly order: Int32Array;
  private readonly tenants: readonly number[][];
  private readonly weights: Float64Array;
  /** What a choice costs, with what is paid for what it takes. */
  private readonly costs: Float64Array;
  private readonly prices: Float64Array;
  private readonly room: Float64Array;
  private readonly paidForAll: number;
  private free = FREE_FIRST;
  private looks = 0;
  /** Asked of the shelves. */
  private packings = 0;
  private readonly who = new Int32Array(FREE_MOST);
  /** For each of those that stand aside the choices that fit without the others, by regret: from where, and how many. */
  private readonly fitting: Int32Array;
  private readonly fittingFrom = new Int32Array(FREE_MOST);
  private readonly fits = new Int32Array(FREE_MOST);
  private readonly regretAfter = new Float64Array(FREE_MOST + 1);
  /** A branch of the search: of each level where in its list it is, what is taken, and what was spent and regretted before. */
  private readonly position = new Int32Array(FREE_MOST);
  private readonly taken = new Int32Array(FREE_MOST);
  private readonly spent = new Float64Array(FREE_MOST);
  private readonly regretted = new Float64Array(FREE_MOST);
  private readonly differs = new Uint8Array(FREE_MOST);
  private readonly found = new Int32Array(FREE_MOST);

  constructor(
    private readonly offers: Offers,
    { prices, room, paid }: Terms,
    private readonly random: Random,
    began: Int32Array,
    private readonly shelving: Shelving | undefined,
  ) {
    const { endpoints, first, resources } = offers;
    this.prices = prices;
    this.room = room ?? new Float64Array(resources).fill(1);
    this.costs = paid ? offers.priced(paid) : offers.cost;
    this.chosen = began.slice();
    this.best = began.slice();
    this.used = offers.used(began);
    // What is paid beyond what all there is would cost.
    const all = paid?.reduce((sum, price) => sum + price, 0) ?? 0;
    this.cost = this.bestCost = began.reduce((sum, choice) => sum + (this.costs[choice] as number), -all);
    this.regret = offers.priced(paid ? prices.map((price, r) => price + (paid[r] as number)) : prices);
    this.order = Int32Array.from(offers.cost, (_, choice) => choice);
    this.paidForAll = all;
    this.least = new Float64Array(endpoints);
    for (let e = 0; e < endpoints; e++) {
      const from = first[e] as number;
      const to = first[e + 1] as number;
      const mine = this.order.subarray(from, to);
      mine.sort((a, b) => (this.regret[a] as number) - (this.regret[b] as number));
      const least = this.regret[mine[0] as number] as number;
      this.least[e] = least;
      for (let choice = from; choice < to; choice++)
        this.regret[choice] = (this.regret[choice] as number) - least;
    }
    this.tenants = Array.from({ length: resources }, () => []);
    for (let e = 0; e < endpoints; e++) this.enter(e);
    this.weights = new Float64Array(endpoints);
    const most = Math.max(
      ...Array.from({ length: endpoints }, (_, e) => (first[e + 1] as number) - (first[e] as number)),
    );
    this.fitting = new Int32Array(FREE_MOST * most + 1);
    for (let i = 0; i < FREE_MOST; i++) this.fittingFrom[i] = i * most;
  }

  /** No plan of these choices costs less. */
  private get bound(): number {
    let bound = -this.paidForAll;
    for (const least of this.least) bound += least;
    this.prices.forEach((price, r) => (bound -= price * (this.room[r] as number)));
    return bound;
  }

  search({ looks, warmth, passed = () => 0 }: ExchangeLimits): void {
    const mean = this.cost / this.offers.endpoints;
    const wanted = this.bound * (1 + NEARLY);
    let progress = 0;
    for (let round = 0; progress < 1 && this.bestCost > wanted; round++) {
      const worse = warmth * mean * WARMTH_END ** progress;
      this.step(-worse * Math.log(1 - this.random()));
      const spent = this.looks + this.packings * PACKING_LOOKS;
      progress = Math.max(spent / looks, round % 32 === 0 ? passed() : progress);
      // Sums of many small steps drift.
      if (round % 1_000 === 999) this.used = this.offers.used(this.chosen);
    }
  }

  /** Takes what costs less than now, or so much more. */
  private step(worse: number): void {
    const { offers, used, who, chosen, costs } = this;
    const count = this.draw();
    let now = 0;
    for (let i = 0; i < count; i++) {
      const choice = chosen[who[i] as number] as number;
      now += costs[choice] as number;
      offers.book(choice, -1, used);
    }
    const looked = this.looks;
    let after = this.bestTogether(count, now + worse);
    if (after !== undefined && this.shelving?.take(who, this.found, count) === false) after = undefined;
    const took = this.looks - looked;
    if (took >= LOOKS_EACH) this.free = Math.max(FREE_LEAST, this.free - 0.1);
    else if (took < LOOKS_EACH / 4) this.free = Math.min(FREE_MOST - 1, this.free + 0.02);
    for (let i = 0; i < count; i++) {
      const e = who[i] as number;
      if (after !== undefined) {
        this.leave(e);
        chosen[e] = this.found[i] as number;
        this.enter(e);
      }
      offers.book(chosen[e] as number, 1, used);
    }
    if (after === undefined) return;
    this.cost += after - now;
    if (this.cost >= this.bestCost - EPSILON) return;
    this.bestCost = this.cost;
    this.best = chosen.slice();
    this.shelving?.keep();
  }

  /** Somebody far from its best choice, and those who are where it would like to be. */
  private draw(): number {
    const { offers, random, who, chosen, weights } = this;
    const { first, firstUse, resource, endpoints } = offers;
    const count = Math.min(endpoints, Math.floor(this.free + random()));
    const content = (CONTENT * this.cost) / endpoints;
    let sum = 0;
    for (let e = 0; e < endpoints; e++)
      sum += weights[e] = (this.regret[chosen[e] as number] as number) + content;
    let rest = random() * sum;
    let one = 0;
    while (one < endpoints - 1 && (rest -= weights[one] as number) > 0) one++;
    who[0] = one;
    let drawn = 1;
    const from = first[one] as number;
    const wishes = Math.min(WISHES, (first[one + 1] as number) - from);
    const places = [chosen[one] as number, this.order[from + Math.floor(random() * wishes)] as number];
    for (let tries = 0; drawn < count && tries < 5 * FREE_MOST; tries++) {
      let e = Math.floor(random() * endpoints);
      if (random() < NEIGHBOURS) {
        const place = places[Math.floor(random() * 2)] as number;
        const begin = firstUse[place] as number;
        const uses = (firstUse[place + 1] as number) - begin;
        const there = this.tenants[resource[begin + Math.floor(random() * uses)] as number];
        if (uses > 0 && there && there.length > 0) e = there[Math.floor(random() * there.length)] as number;
      }
      let known = false;
      for (let i = 0; i < drawn; i++) known ||= who[i] === e;
      if (!known) who[drawn++] = e;
    }
    return drawn;
  }

  /** In `found`, what costs least of all that costs less than this and is not what is now; undefined where there is nothing. */
  private bestTogether(count: number, costMax: number): number | undefined {
    const { offers, used, room, who, prices, regret, fitting, fittingFrom, fits, regretAfter } = this;
    const { resources } = offers;
    // What they would cost if they could share what is left of everything by fractions.
    let bound = 0;
    for (let r = 0; r < resources; r++)
      bound -= (prices[r] as number) * ((room[r] as number) - (used[r] as number));
    for (let i = 0; i < count; i++) bound += this.least[who[i] as number] as number;
    this.looks += LISTING_LOOKS;
    for (let i = 0; i < count; i++) {
      fits[i] = this.listFitting(who[i] as number, fittingFrom[i] as number, costMax - bound);
      if (fits[i] === 0) return undefined;
    }
    this.fewestFirst(count);
    regretAfter[count] = 0;
    for (let i = count - 1; i >= 0; i--)
      regretAfter[i] =
        (regretAfter[i + 1] as number) + (regret[fitting[fittingFrom[i] as number] as number] as number);
    const least = this.descend(count, bound, costMax);
    return least < costMax ? least : undefined;
  }

  /** Depth first, the least regretted before others; back where even what is least regretted costs more than what is known. */
  private descend(count: number, bound: number, costMax: number): number {
    const { offers, used, who, chosen, regret, fitting, fittingFrom, fits, regretAfter } = this;
    const { position, taken, spent, regretted, differs } = this;
    const looksMax = this.looks + LOOKS_EACH;
    let least = costMax;
    let i = 0;
    position[0] = 0;
    while (i >= 0) {
      const k = position[i] as number;
      const choice = fitting[(fittingFrom[i] as number) + k] as number;
      const regrets = (regretted[i] as number) + (regret[choice] as number);
      if (
        k >= (fits[i] as number) ||
        this.looks >= looksMax ||
        bound + regrets + (regretAfter[i + 1] as number) >= least - EPSILON
      ) {
        i--;
        if (i >= 0) offers.book(taken[i] as number, -1, used);
        continue;
      }
      position[i] = k + 1;
      this.looks++;
      if (!this.isRoom(choice)) continue;
      taken[i] = choice;
      const spends = (spent[i] as number) + (this.costs[choice] as number);
      const changes = (differs[i] as number) | Number(choice !== chosen[who[i] as number]);
      if (i < count - 1) {
        offers.book(choice, 1, used);
        i++;
        position[i] = 0;
        spent[i] = spends;
        regretted[i] = regrets;
        differs[i] = changes;
      } else if (spends < least - EPSILON && changes && this.fitsOnShelves(count)) {
        least = spends;
        this.found.set(taken);
      }
    }
    return least;
  }

  private fitsOnShelves(count: number): boolean {
    if (!this.shelving) return true;
    this.packings++;
    return this.shelving.fits(this.who, this.taken, count);
  }

  /** Whoever regrets as much as there is to gain gains nothing. */
  private listFitting(e: number, from: number, regretMax: number): number {
    const { first } = this.offers;
    let count = 0;
    for (let k = first[e] as number; k < (first[e + 1] as number); k++) {
      const choice = this.order[k] as number;
      if ((this.regret[choice] as number) >= regretMax) return count;
      if (this.isRoom(choice)) this.fitting[from + count++] = choice;
    }
    return count;
  }

  private isRoom(choice: number): boolean {
    const { firstUse, resource, part } = this.offers;
    const { used, room } = this;
    const end = firstUse[choice + 1] as number;
    for (let u = firstUse[choice] as number; u < end; u++) {
      const r = resource[u] as number;
      if ((used[r] as number) + (part[u] as number) > (room[r] as number) + EPSILON) return false;
    }
    return true;
  }

  /** The tree is narrow at its root: whoever has the fewest choices decides first. */
  private fewestFirst(count: number): void {
    const { who, fits, fittingFrom } = this;
    for (let i = 1; i < count; i++)
      for (let k = i; k > 0 && (fits[k] as number) < (fits[k - 1] as number); k--)
        for (const list of [who, fits, fittingFrom]) {
          const held = list[k] as number;
          list[k] = list[k - 1] as number;
          list[k - 1] = held;
        }
  }

  private enter(e: number): void {
    this.eachPlace(e, (there) => there.push(e));
  }

  private leave(e: number): void {
    this.eachPlace(e, (there) => {
      const last = there.pop() as number;
      if (last !== e) there[there.indexOf(e)] = last;
    });
  }

  private eachPlace(e: number, visit: (there: number[]) => void): void {
    const { firstUse, resource } = this.offers;
    const choice = this.chosen[e] as number;
    for (let u = firstUse[choice] as number; u < (firstUse[choice + 1] as number); u++)
      visit(this.tenants[resource[u] as number] as number[]);
  }
}

/** The best that is found from here, always the same where no time is asked for. */
export function exchanged(
  offers: Offers,
  terms: Terms,
  began: Int32Array,
  limits: ExchangeLimits,
  shelving?: Shelving,
): Int32Array {
  const exchange = new Exchange(offers, terms, seededRandom(limits.seed ?? 1), began, shelving);
  exchange.search(limits);
  return exchange.best;
}
