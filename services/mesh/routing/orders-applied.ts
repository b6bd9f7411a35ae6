// What orders of safety leave of an endpoint: withheld arms lose their buckets to those that remain, with nobody else moved. Pure; the
// endpoint table asks whenever the record or the orders change, so a request pays nothing for it.
import type { Digest } from '../../../contracts/names.js';
import { armOf, type EndpointRecord, type Variant } from '../../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import type { RoutedEndpoint, Withheld } from './arm-choice.js';
import { moveBuckets } from '../bucket-moves.js';
import type { OrdersOn } from '../trust/orders-on.js';

export function underOrders(record: EndpointRecord, orders: OrdersOn): RoutedEndpoint {
  const versions = new Map<Digest, string>();
  const arms = new Map<string, string>();
  const fallbacks = new Map<string, string>();
  for (const variant of record.variants) {
    const arm = armOf(variant);
    const whole = orders.version(variant.version);
    const share = orders.arm(record.name, arm);
    if (whole !== undefined) versions.set(variant.version, whole);
    const why = whole ?? share?.why;
    if (why !== undefined) arms.set(arm, why);
    if (share?.fallback !== undefined) fallbacks.set(arm, share.fallback);
  }
  if (arms.size === 0) return record;
  const weights = remaining(record.variants, arms, fallbacks);
  const withheld: Withheld = { versions, arms, all: weights === undefined };
  if (!weights) return { ...record, withheld };
  const variants = record.variants.map((variant, i) => ({ ...variant, weight: weights[i] as number }));
  const { table: before, ...rest } = record;
  const table = moveBuckets({ variants: record.variants, table: before }, variants);
  return { ...rest, variants, ...(table && { table }), withheld };
}

/** Undefined: nobody is left who has a share or is named to take one. */
function remaining(
  variants: readonly Variant[],
  withheld: ReadonlyMap<string, string>,
  fallbacks: ReadonlyMap<string, string>,
): number[] | undefined {
  const left = variants.map((variant) => (withheld.has(armOf(variant)) ? 0 : variant.weight));
  for (const variant of variants) {
    const heir = fallbacks.get(armOf(variant));
    const at = variants.findIndex((other) => armOf(other) === heir);
    if (heir !== undefined && at >= 0 && !withheld.has(heir))
      left[at] = (left[at] as number) + variant.weight;
  }
  const sum = left.reduce((total, weight) => total + weight, 0);
  return sum === 0 ? undefined : inProportion(left, sum);
}

/** Whole numbers that add up to 10,000: the largest remainders are rounded up. */
function inProportion(weights: readonly number[], sum: number): number[] {
  const exact = weights.map((weight) => (weight * WEIGHT_TOTAL) / sum);
  const whole = exact.map(Math.floor);
  const missing = WEIGHT_TOTAL - whole.reduce((total, weight) => total + weight, 0);
  exact
    .map((share, i) => ({ i, rest: share - Math.floor(share) }))
    .toSorted((a, b) => b.rest - a.rest || a.i - b.i)
    .slice(0, missing)
    .forEach(({ i }) => (whole[i] = (whole[i] as number) + 1));
  return whole;
}
