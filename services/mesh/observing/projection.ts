// A map of an input to a few numbers that keeps distances up to some 15 % (Johnson and Lindenstrauss, 1984; signs instead of normals: Achlioptas, 2003).
// The same for everybody, so that what engines tell can be held against a baseline.

export const PROJECTED = 24;

export function projected(values: ArrayLike<number>): Float32Array {
  const sums = new Float64Array(PROJECTED);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value === 0) continue;
    const signs = mixed(i);
    for (let d = 0; d < PROJECTED; d++) sums[d] = (sums[d] as number) + ((signs >>> d) & 1 ? value : -value);
  }
  return Float32Array.from(sums, (sum) => sum / Math.sqrt(PROJECTED));
}

/** The finaliser of MurmurHash3: every bit of the place decides half of all signs. */
function mixed(i: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
