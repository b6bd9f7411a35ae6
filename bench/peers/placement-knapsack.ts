// What a knapsack can hold at best, from above: branch and bound from the densest thing on, with Dantzig's bound (Horowitz and Sahni
// 1974). What is not worth looking at counts with its bound, so that the answer holds however early the search ends.
export interface Knapsack {
  readonly values: ArrayLike<number>;
  readonly sizes: ArrayLike<number>;
  readonly room: number;
}

export interface Packed {
  /** Nothing that fits is worth more. */
  readonly bound: number;
  /** The best that was found. */
  readonly taken: readonly number[];
}

const LOOKS = 5_000;

/** `precision`: by how much the bound may be above what was found. */
export function packed({ values, sizes, room }: Knapsack, precision: number): Packed {
  const density = (thing: number): number => (values[thing] as number) / (sizes[thing] as number);
  const order = Array.from(values, (_, thing) => thing)
    .filter((thing) => (values[thing] as number) > 0 && (sizes[thing] as number) <= room)
    .sort((a, b) => density(b) - density(a));
  const value = Float64Array.from(order, (thing) => values[thing] as number);
  const size = Float64Array.from(order, (thing) => sizes[thing] as number);
  const count = order.length;
  const inside = new Uint8Array(count);
  let best = 0;
  let taken: readonly number[] = [];
  let looks = 0;

  const divisible = (from: number, left: number): number => {
    let sum = 0;
    for (let i = from; i < count; i++) {
      const needs = size[i] as number;
      if (needs > left) return sum + ((value[i] as number) * left) / needs;
      sum += value[i] as number;
      left -= needs;
    }
    return sum;
  };
  /** The most that can be reached from here: exactly, or a bound of it. */
  const most = (i: number, left: number, sum: number): number => {
    if (sum > best) {
      best = sum;
      taken = order.filter((_, at) => inside[at] === 1);
    }
    if (i === count) return sum;
    const bound = sum + divisible(i, left);
    if (bound <= best + precision || ++looks > LOOKS) return bound;
    let reached = Number.NEGATIVE_INFINITY;
    if ((size[i] as number) <= left) {
      inside[i] = 1;
      reached = most(i + 1, left - (size[i] as number), sum + (value[i] as number));
      inside[i] = 0;
    }
    return Math.max(reached, most(i + 1, left, sum));
  };
  return { bound: most(0, room, 0), taken };
}
