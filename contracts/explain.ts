// A routing decision with its reasons: what the router would do with a request, in words an operator can act on.
import { z } from 'zod';

export const ExplainRequest = z.object({
  user: z.string().optional(),
  version: z.string().optional(),
  tenant: z.string().optional(),
  /** Header values that rules go by; names in lower case. */
  headers: z.record(z.string().max(64), z.string().max(256)).optional(),
});
export type ExplainRequest = z.infer<typeof ExplainRequest>;

export const CandidateReport = z.object({
  /** Of a pipeline: the step it could take. */
  step: z.string().optional(),
  replica: z.string(),
  shard: z.string(),
  region: z.string(),
  inFlight: z.int(),
  latencyMs: z.number(),
  /** `eligible`, or why not: `stale heartbeat`, `breaker blocked`, `draining`, ... */
  verdict: z.string(),
});

export const Explanation = z.object({
  endpoint: z.string(),
  region: z.string(),
  version: z.string().optional(),
  label: z.string().optional(),
  arm: z.string().optional(),
  /** Of the endpoint's weights and arms. */
  epoch: z.int().optional(),
  /** The rule that named the arm. */
  rule: z.string().optional(),
  bucket: z.int().optional(),
  /** The arm that would get a copy, and of how many in 10,000. */
  shadow: z.object({ arm: z.string(), share: z.int() }).optional(),
  replica: z.string().optional(),
  /** Of a pipeline, whose label is its revision: who takes each step; no replica where none can be chosen. */
  steps: z
    .array(z.object({ step: z.string(), endpoint: z.string(), replica: z.string().optional() }))
    .optional(),
  /** The code a caller would get, when nothing can be chosen. */
  refusal: z.string().optional(),
  reasons: z.array(z.string()),
  candidates: z.array(CandidateReport),
});
export type Explanation = z.infer<typeof Explanation>;
