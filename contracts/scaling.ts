// How an endpoint wants to be scaled: what the autoscaler's decision goes by.
import { z } from 'zod';

export const ScalingPolicy = z
  .strictObject({
    /** 0 lets the endpoint sleep when nobody has asked for `idleMs`. */
    minReplicas: z.int().min(0).max(1_000).default(1),
    maxReplicas: z.int().min(1).max(10_000).default(100),
    /** The objective: an answer within so many times what the request takes alone ... */
    slowdownMax: z.number().min(1.1).max(1_000).default(5),
    /** ... for all but this share of the requests. */
    violationShare: z.number().min(0.000_01).max(0.2).default(0.01),
    idleMs: z.int().min(10_000).max(86_400_000).default(300_000),
  })
  .refine(({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas, {
    error: 'minReplicas is above maxReplicas: swap them, or raise the maximum',
    path: ['minReplicas'],
  });
export type ScalingPolicy = z.infer<typeof ScalingPolicy>;
