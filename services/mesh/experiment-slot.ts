// Whether a user takes part in an experiment. All experiments of a group share one salt and own slots of their own, so a user is in
// one of them at most; another group has another salt, and is independent of this one. The route leans on it.
import { type Experiment, type SlotRange, WEIGHT_TOTAL } from '../../contracts/traffic.js';
import { murmur3 } from './murmur3.js';

export type Part = 'in' | 'other slot' | 'holdout';

/** Another prefix than a bucket's, so that an endpoint with the group's salt would still split independently. */
export const slotOf = (salt: string, user: string): number => murmur3(`slot:${salt}:${user}`) % WEIGHT_TOTAL;

export function partIn({ slots, holdout }: Experiment, slot: number): Part {
  if (holdout && within(holdout, slot)) return 'holdout';
  return slots.some((range) => within(range, slot)) ? 'in' : 'other slot';
}

export const within = ([from, to]: SlotRange, slot: number): boolean => slot >= from && slot < to;
