// Work on many rows without keeping the process from everything else: leases are renewed and requests answered between two parts. Whoever makes a baseline
// goes through it.
const AT_ONCE = 32;

export async function inTurns<T, R>(items: readonly T[], make: (item: T, i: number) => R): Promise<R[]> {
  const made: R[] = [];
  for (const [i, item] of items.entries()) {
    if (i % AT_ONCE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    made.push(make(item, i));
  }
  return made;
}
