// Distance to the k-th nearest feature of the reference data, both of length 1 (Sun et al., 2022). Needs no classes and no
// gaussians, and keeps a bank of features instead.

/** Of a bank of 1,000: a larger bank takes a larger k in proportion. */
const NEIGHBOUR_SHARE = 0.05;
const NEIGHBOUR_MAX = 50;

export interface Bank {
  readonly width: number;
  /** Rows of length 1, one after the other. */
  readonly rows: Float32Array;
}

export function bankOf(features: readonly ArrayLike<number>[]): Bank {
  const width = features[0]?.length ?? 0;
  const rows = new Float32Array(features.length * width);
  features.forEach((feature, i) => rows.set(unit(feature), i * width));
  return { width, rows };
}

/** Minus the squared distance to the k-th nearest, at least -4. `skip`: a row of the bank that is the feature itself. */
export function nearestScore({ width, rows }: Bank, feature: ArrayLike<number>, skip = -1): number {
  const own = unit(feature);
  const count = rows.length / width;
  const k = Math.max(1, Math.min(NEIGHBOUR_MAX, Math.round(count * NEIGHBOUR_SHARE)));
  const best = new Float64Array(k).fill(Infinity);
  for (let r = 0; r < count; r++) {
    if (r === skip) continue;
    let dot = 0;
    for (let i = 0, at = r * width; i < width; i++, at++) dot += (own[i] as number) * (rows[at] as number);
    insert(best, 2 - 2 * dot);
  }
  return -(best[k - 1] as number);
}

/** Into a sorted list that stays as long as it is. */
function insert(sorted: Float64Array, value: number): void {
  if (!(value < (sorted[sorted.length - 1] as number))) return;
  let i = sorted.length - 1;
  for (; i > 0 && (sorted[i - 1] as number) > value; i--) sorted[i] = sorted[i - 1] as number;
  sorted[i] = value;
}

function unit(feature: ArrayLike<number>): Float32Array {
  let sum = 0;
  for (let i = 0; i < feature.length; i++) sum += (feature[i] as number) ** 2;
  const length = Math.sqrt(sum) || 1;
  return Float32Array.from(feature, (value) => value / length);
}
