// The dynamic programme of a split: of all ways to cut so that no stage takes longer than a bound, the one that sends the fewest bytes.
// plan-stages.ts lowers the bound until nothing is left.
import type { StageProblem } from './stage-problem.js';

export interface CutSearch {
  readonly problem: StageProblem;
  readonly stages: number;
  /** What a stage that begins there takes to receive its activation, ms. */
  readonly hop: (at: number) => number;
  /** earliestStarts of the problem. */
  readonly starts: readonly number[];
}

interface Start {
  readonly at: number;
  /** Cut bytes up to and with this cut. */
  readonly bytes: number;
  /** The time of all nodes from here on may not exceed the bound: the last total a stage from here can reach. */
  readonly until: number;
}

/** The cuts, or undefined where no split keeps within `slowestMs` and the memory. */
export function fewestBytes(search: CutSearch, slowestMs: number): number[] | undefined {
  const { problem, stages, starts, hop } = search;
  const totals = runningTotals(problem.nodeMs);
  const end = problem.nodeMs.length;
  const places = [...problem.cuts, end];
  // bytes[i]: the fewest to reach places[i] in so many stages; cameFrom[stage][i]: the place before.
  let bytes = places.map(() => Infinity);
  const cameFrom: number[][] = [];
  for (let stage = 1; stage <= stages; stage++) {
    const open = new StartHeap();
    const from: number[] = [];
    const next: number[] = [];
    const offer = (at: number, sofar: number): void => {
      if (sofar < Infinity) open.push({ at, bytes: sofar, until: (totals[at] ?? 0) - hop(at) + slowestMs });
    };
    if (stage === 1) offer(0, 0);
    places.forEach((place, i) => {
      const total = totals[place] ?? 0;
      // Whatever cannot reach this place reaches no later one: it may go for good.
      const best = open.firstWhere(({ at, until }) => until >= total && at >= (starts[place] ?? 0));
      next.push(best?.bytes ?? Infinity);
      from.push(best?.at ?? 0);
      if (stage > 1) offer(place, (bytes[i] ?? Infinity) + (problem.cutBytes[place] ?? 0));
    });
    bytes = next;
    cameFrom.push(from);
  }
  if (bytes.at(-1) === Infinity) return undefined;
  const index = new Map(places.map((place, i) => [place, i]));
  const cuts: number[] = [];
  for (let stage = stages - 1, place = end; stage > 0; stage--) {
    place = cameFrom[stage]?.[index.get(place) ?? 0] ?? 0;
    cuts.unshift(place);
  }
  return cuts;
}

function runningTotals(values: readonly number[]): number[] {
  const totals = [0];
  for (const value of values) totals.push((totals.at(-1) ?? 0) + value);
  return totals;
}

/** A binary heap by bytes. */
class StartHeap {
  private readonly items: Start[] = [];

  push(start: Start): void {
    const { items } = this;
    let at = items.push(start) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.bytesAt(above) <= start.bytes) break;
      items[at] = items[above] as Start;
      at = above;
    }
    items[at] = start;
  }

  /** The lightest that passes; lighter ones that do not are dropped. */
  firstWhere(passes: (start: Start) => boolean): Start | undefined {
    for (let top = this.items[0]; top !== undefined; top = this.items[0]) {
      if (passes(top)) return top;
      this.drop();
    }
    return undefined;
  }

  private drop(): void {
    const { items } = this;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (this.bytesAt(below + 1) < this.bytesAt(below)) below++;
      if (below >= items.length || this.bytesAt(below) >= last.bytes) break;
      items[at] = items[below] as Start;
      at = below;
    }
    items[at] = last;
  }

  private bytesAt(at: number): number {
    return this.items[at]?.bytes ?? Infinity;
  }
}
