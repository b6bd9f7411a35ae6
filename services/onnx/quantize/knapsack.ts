// Which items to take so that enough is saved at the least cost: a knapsack by dynamic programming over 1,000 steps of what is to
// be saved. Mixed precision asks which layers go to 4 bits.
export interface Item {
  readonly name: string;
  readonly saved: number;
  readonly cost: number;
}

const STEPS = 1_000;

/** Names of the items; all of them where even those do not save enough. Savings are rounded down, so that the promise holds. */
export function cheapest(items: readonly Item[], toSave: number): string[] {
  if (toSave <= 0) return [];
  const unit = toSave / STEPS;
  let best: { cost: number; names: readonly string[] }[] = [{ cost: 0, names: [] }];
  for (const { name, saved, cost } of items) {
    const units = Math.floor(saved / unit);
    const next = best.slice();
    best.forEach((found, at) => {
      const to = Math.min(STEPS, at + units);
      const total = found.cost + cost;
      if (total < (next[to]?.cost ?? Infinity)) next[to] = { cost: total, names: [...found.names, name] };
    });
    best = next;
  }
  return [...(best[STEPS]?.names ?? items.map(({ name }) => name))];
}
