// What an engine tells a router whose requests it answered straight to their callers: one small message for each batch or few.
// The engine groups by the prefix of the reply subject (all before the last dot) and publishes to `<prefix>.outcomes`.
import { z } from 'zod';

/** [token (the last part of the reply subject), HTTP status of the answer, microseconds in the engine]. */
export const Outcome = z.tuple([z.string(), z.int(), z.number()]);
export type Outcome = z.infer<typeof Outcome>;

/** Outcomes of the last few milliseconds, with the replica's requests in flight after them. */
export const Outcomes = z.object({
  replica: z.string(),
  inFlight: z.int(),
  /** How many it would have in flight now; see ReplicaReport. */
  limit: z.int().min(1).optional(),
  done: z.array(Outcome).max(4096),
});
export type Outcomes = z.infer<typeof Outcomes>;

export const OUTCOMES_TOKEN = 'outcomes';
