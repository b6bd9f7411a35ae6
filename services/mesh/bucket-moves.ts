// New weights on an old table with as few users moved as can be: whoever shrinks gives its highest buckets, whoever grows takes
// exactly those, and nobody else is touched. The registry lays tables out with it, and orders of safety change them with it.
import { armOf, type Variant } from '../../contracts/registry.js';
import { type BucketTable, WEIGHT_TOTAL } from '../../contracts/traffic.js';

export interface Split {
  readonly variants: readonly Variant[];
  readonly table?: BucketTable | undefined;
}

/** Moves sum of max(0, growth) buckets. Undefined where the variants in order say the same. */
export function moveBuckets(current: Split, next: readonly Variant[]): BucketTable | undefined {
  const owners = ownersOf(current);
  const surplus = new Map<string, number>();
  for (const arm of owners) surplus.set(arm, (surplus.get(arm) ?? 0) + 1);
  for (const variant of next) {
    const arm = armOf(variant);
    surplus.set(arm, (surplus.get(arm) ?? 0) - variant.weight);
  }
  const free = release(owners, surplus);
  for (const variant of next) {
    const arm = armOf(variant);
    for (let missing = -(surplus.get(arm) ?? 0); missing > 0; missing--) owners[free.pop() as number] = arm;
  }
  const table = runsOf(owners);
  return samePlan(table, plain(next)) ? undefined : table;
}

/** Takes from each arm with a surplus its highest buckets; highest first. What is left in `surplus` is what others lack. */
function release(owners: readonly string[], surplus: Map<string, number>): number[] {
  const free: number[] = [];
  for (let bucket = WEIGHT_TOTAL - 1; bucket >= 0; bucket--) {
    const arm = owners[bucket] as string;
    const left = surplus.get(arm) ?? 0;
    if (left <= 0) continue;
    surplus.set(arm, left - 1);
    free.push(bucket);
  }
  return free;
}

function ownersOf({ variants, table }: Split): string[] {
  return (table ?? plain(variants)).flatMap(([count, arm]) => Array.from({ length: count }, () => arm));
}

const plain = (variants: readonly Variant[]): BucketTable =>
  variants
    .filter(({ weight }) => weight > 0)
    .map((variant): [number, string] => [variant.weight, armOf(variant)]);

function runsOf(owners: readonly string[]): BucketTable {
  const runs: BucketTable = [];
  for (const arm of owners) {
    const last = runs.at(-1);
    if (last?.[1] === arm) last[0]++;
    else runs.push([1, arm]);
  }
  return runs;
}

const samePlan = (a: BucketTable, b: BucketTable): boolean =>
  a.length === b.length && a.every(([count, arm], i) => b[i]?.[0] === count && b[i][1] === arm);
