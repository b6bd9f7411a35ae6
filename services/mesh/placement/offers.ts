// The choices of all endpoints in flat arrays, for those who look at all of them again and again. A resource is a centre's memory, a
// centre's busy time, or what may move; what a choice takes of it is a part of all there is.
import type { Choice } from './choice.js';
import { BUSY_SHARE, type Setting } from './setting.js';

export class Offers {
  readonly resources: number;
  /** Of each endpoint the first choice; one more at the end. */
  readonly first: Int32Array;
  readonly cost: Float64Array;
  /** Of each choice the first entry in `resource` and `part`; one more at the end. */
  readonly firstUse: Int32Array;
  readonly resource: Int32Array;
  readonly part: Float64Array;

  constructor({ centres }: Setting, choices: readonly (readonly Choice[])[], movableRate: number) {
    this.resources = 2 * centres.length + 1;
    this.first = new Int32Array(choices.length + 1);
    const cost: number[] = [];
    const firstUse: number[] = [];
    const resource: number[] = [];
    const part: number[] = [];
    const take = (of: number, share: number): void => {
      if (share <= 0) return;
      resource.push(of);
      part.push(share);
    };
    choices.forEach((list, e) => {
      this.first[e] = cost.length;
      for (const choice of list) {
        cost.push(choice.cost);
        firstUse.push(resource.length);
        for (const { centre, bytes, busy } of choice.uses) {
          const { memoryBytes = 1, shards = [] } = centres[centre] ?? {};
          take(centre, bytes / memoryBytes);
          take(centres.length + centre, busy / (shards.length * BUSY_SHARE));
        }
        if (movableRate > 0) take(2 * centres.length, choice.movedRate / movableRate);
      }
    });
    this.first[choices.length] = cost.length;
    firstUse.push(resource.length);
    this.cost = new Float64Array(cost);
    this.firstUse = new Int32Array(firstUse);
    this.resource = new Int32Array(resource);
    this.part = new Float64Array(part);
  }

  get endpoints(): number {
    return this.first.length - 1;
  }

  /** What of each resource is taken, all together. */
  used(chosen: Int32Array, used: Float64Array = new Float64Array(this.resources)): Float64Array {
    used.fill(0);
    for (const choice of chosen) this.book(choice, 1, used);
    return used;
  }

  /** Of every choice: its cost and what it takes at these prices, which are of all there is of a resource. */
  priced(prices: Float64Array): Float64Array {
    const priced = new Float64Array(this.cost.length);
    const { cost, firstUse, resource, part } = this;
    for (let choice = 0, u = 0; choice < cost.length; choice++) {
      const end = firstUse[choice + 1] as number;
      let sum = cost[choice] as number;
      for (; u < end; u++) sum += (prices[resource[u] as number] as number) * (part[u] as number);
      priced[choice] = sum;
    }
    return priced;
  }

  /** Of each endpoint the choice that costs least with what it takes at these prices; what all of them cost so. */
  cheapest(prices: Float64Array, chosen: Int32Array): number {
    const { first, cost, firstUse, resource, part } = this;
    let all = 0;
    for (let e = 0; e < chosen.length; e++) {
      const end = first[e + 1] as number;
      let least = Number.POSITIVE_INFINITY;
      // Sorted by cost, to which prices only add.
      for (let choice = first[e] as number; choice < end && (cost[choice] as number) < least; choice++) {
        let sum = cost[choice] as number;
        const last = firstUse[choice + 1] as number;
        for (let u = firstUse[choice] as number; u < last; u++)
          sum += (prices[resource[u] as number] as number) * (part[u] as number);
        if (sum >= least) continue;
        least = sum;
        chosen[e] = choice;
      }
      all += least;
    }
    return all;
  }

  book(choice: number, sign: 1 | -1, used: Float64Array): void {
    const { firstUse, resource, part } = this;
    const end = firstUse[choice + 1] as number;
    for (let u = firstUse[choice] as number; u < end; u++) {
      const r = resource[u] as number;
      used[r] = (used[r] as number) + sign * (part[u] as number);
    }
  }
}
