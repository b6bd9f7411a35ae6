// Which of 10,000 buckets a user falls into, and which variant owns the bucket. The route asks; a caller who sends the same user
// sees the same version, wherever the call comes in.
import type { EndpointRecord, Variant } from '../../contracts/registry.js';
import { WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { murmur3 } from './murmur3.js';

/** The salt belongs to the endpoint, so a user who is early in one experiment is not early in all. */
export function bucketOf(salt: string, user: string): number {
  return murmur3(`${salt}:${user}`) % WEIGHT_TOTAL;
}

/**
 * Variants own buckets in the order they are listed: the first from 0 up. Moving weight between neighbours moves exactly the users
 * of the boundary between them, and a canary listed last only ever gains users as it grows.
 */
export function variantOf(endpoint: EndpointRecord, bucket: number): Variant {
  let upTo = 0;
  for (const variant of endpoint.variants) {
    upTo += variant.weight;
    if (bucket < upTo) return variant;
  }
  // Weights add up to 10,000 by schema; a bucket at or above it is a mistake of ours.
  throw new RangeError(`bucket ${bucket} belongs to no variant of ${endpoint.name}`);
}
