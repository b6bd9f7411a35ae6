// A layer's time by how many numbers are left along its axes, from measurements at some widths. Pure.

/** Times at all combinations of `points`, which rise along each axis; between them the next measured width above holds. */
export function widthTable(
  points: readonly (readonly number[])[],
  nsAt: (left: readonly number[]) => number,
): (left: readonly number[]) => number {
  const times = new Map<string, number>();
  for (const places of combinations(points.map((axis) => axis.map((_, i) => i))).toReversed()) {
    const wider = places.map((place, axis) => times.get(places.with(axis, place + 1).join()) ?? Infinity);
    // What is narrower takes no longer: where it seemed to, something else ran meanwhile.
    times.set(
      places.join(),
      Math.min(nsAt(places.map((place, axis) => points[axis]?.[place] ?? 0)), ...wider),
    );
  }
  return (left) => {
    const places = points.map((axis, i) => {
      const place = axis.findIndex((point) => point >= (left[i] ?? 0));
      return place < 0 ? axis.length - 1 : place;
    });
    return times.get(places.join()) ?? 0;
  };
}

/** Every choice of one of each list, the last list running fastest. */
export const combinations = (lists: readonly (readonly number[])[]): number[][] =>
  lists.reduce<number[][]>(
    (found, list) => found.flatMap((start) => list.map((one) => [...start, one])),
    [[]],
  );
