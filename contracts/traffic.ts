// How an endpoint's traffic is split beyond plain weights: arms and their buckets, rules, experiments, shadow. Part of the endpoint's
// record; the route reads it, the registry checks it, `massif explain` says it in words.
import { z } from 'zod';
import { Label, RegionName } from './names.js';

/** Weights are parts of 10,000, so that one user in ten thousand can be moved. */
export const WEIGHT_TOTAL = 10_000;

/** One side of a comparison. Two arms may carry the same version: a canary is held against a fresh baseline. */
export const ArmName = Label;

/** Who owns the buckets from 0 up, as runs: [[9000, "stable"], [1000, "canary"]]. */
export const BucketTable = z
  .array(z.tuple([z.int().min(1).max(WEIGHT_TOTAL), ArmName]))
  .min(1)
  .max(WEIGHT_TOTAL);
export type BucketTable = z.infer<typeof BucketTable>;

/** Header names are lower case here and compared without regard to case. */
export const HeaderName = z.string().regex(/^[a-z0-9-]{1,64}$/);
const Values = z.array(z.string().min(1).max(256)).min(1).max(1_000);

/** All conditions that are given must hold; within one, any value does. The first rule that matches names the arm, before the weights. */
export const Rule = z.object({
  name: z.string().min(1).max(64),
  match: z
    .object({
      users: Values.optional(),
      tenants: Values.optional(),
      headers: z.record(HeaderName, Values).optional(),
      regions: z.array(RegionName).min(1).max(64).optional(),
    })
    .refine((match) => Object.values(match).some((condition) => condition !== undefined), {
      message: 'a rule needs at least one condition; what everybody gets is what weights are for',
    }),
  arm: ArmName,
});
export type Rule = z.infer<typeof Rule>;

/** A copy of some requests goes to an arm of the endpoint; its answer is compared and dropped. The arm may have weight 0. */
export const Shadow = z.object({
  arm: ArmName,
  share: z.int().min(1).max(WEIGHT_TOTAL),
  /** Numbers count as equal within this part of the scale of the real answer. */
  tolerance: z.number().min(0).max(1).default(1e-3),
  /** False: the copies are sent for the load alone. */
  compare: z.boolean().default(true),
});
export type Shadow = z.infer<typeof Shadow>;

/** [from, to): a range of the 10,000 slots of a group. */
export const SlotRange = z
  .tuple([z.int().min(0).max(WEIGHT_TOTAL), z.int().min(0).max(WEIGHT_TOTAL)])
  .refine(([from, to]) => from < to, { message: 'a range of slots goes from a lower to a higher number' });
export type SlotRange = z.infer<typeof SlotRange>;

/**
 * Experiments of a group exclude each other: a user falls into one slot by the group's salt, and each experiment owns slots of its own.
 * Who is in none of this experiment's slots, or in the group's holdout, gets `control`.
 */
export const Experiment = z.object({
  group: z.string().min(1).max(64),
  /** The same for all experiments of the group, and never that of an endpoint. */
  salt: z.string().min(1).max(64),
  slots: z.array(SlotRange).min(1).max(64),
  control: ArmName,
  holdout: SlotRange.optional(),
});
export type Experiment = z.infer<typeof Experiment>;

/** What a call without a user gets where the user decides: a refusal, a draw by the weights, or always one arm. */
export const WithoutUser = z.union([z.literal('refuse'), z.literal('draw'), z.object({ arm: ArmName })]);
export type WithoutUser = z.infer<typeof WithoutUser>;
