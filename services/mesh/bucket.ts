// Which of 10,000 buckets a user falls into, and which variant owns the bucket. The route asks; a caller who sends the same user
// sees the same version, wherever the call comes in.
import { armOf, type EndpointRecord, type Variant } from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { murmur3 } from './murmur3.js';

/** The salt belongs to the endpoint, so a user who is early in one experiment is not early in all. */
export function bucketOf(salt: string, user: string): number {
  return murmur3(`${salt}:${user}`) % WEIGHT_TOTAL;
}

type Split = Pick<EndpointRecord, 'name' | 'variants' | 'table'>;

/**
 * The table says who owns a bucket. Without one, variants own buckets in the order they are listed: the first from 0 up, so that a
 * canary listed last only ever gains users as it grows.
 */
export function variantOf(endpoint: Split, bucket: number): Variant {
  if (endpoint.table) return ownerIn(runsOf(endpoint, endpoint.table), bucket);
  let upTo = 0;
  for (const variant of endpoint.variants) {
    upTo += variant.weight;
    if (bucket < upTo) return variant;
  }
  // Weights add up to 10,000 by schema; a bucket at or above it is a mistake of ours.
  throw new RangeError(`bucket ${bucket} belongs to no variant of ${endpoint.name}`);
}

/** The table of a record, made once: where each run ends, and whose it is. */
interface Runs {
  readonly ends: readonly number[];
  readonly owners: readonly Variant[];
}

// A record is replaced whole when anything of it changes, so what is made of it lives as long as it does.
const made = new WeakMap<Split, Runs>();

function runsOf(endpoint: Split, table: NonNullable<Split['table']>): Runs {
  const known = made.get(endpoint);
  if (known) return known;
  const byArm = new Map(endpoint.variants.map((variant) => [armOf(variant), variant]));
  const ends: number[] = [];
  const owners: Variant[] = [];
  let upTo = 0;
  for (const [count, arm] of table) {
    const owner = byArm.get(arm);
    if (!owner) throw new RangeError(`the table of ${endpoint.name} names the arm ${arm}, which it has not`);
    ends.push((upTo += count));
    owners.push(owner);
  }
  const runs = { ends, owners };
  made.set(endpoint, runs);
  return runs;
}

/** Halving: a table that went through many changes has many runs. */
function ownerIn({ ends, owners }: Runs, bucket: number): Variant {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucket < (ends[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return owners[low] as Variant;
}
