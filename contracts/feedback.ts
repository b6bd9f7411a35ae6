// What callers say of an answer they got: a number of their own (a rating, a distance, an error) or right and wrong. It becomes
// evidence about the arm that gave the answer, which the answer's own header names.
import { z } from 'zod';
import { EndpointName } from './names.js';
import { ArmName } from './traffic.js';

export const MetricName = z.string().regex(/^[A-Za-z][\w.-]{0,63}$/);

export const FeedbackRequest = z.strictObject({
  endpoint: EndpointName,
  /** Of the call; the same request and metric are counted once. */
  requestId: z.string().min(1).max(128),
  metric: MetricName,
  /** true is 1, false is 0. */
  value: z.union([z.boolean(), z.number().min(-1e9).max(1e9)]),
  /** As the answer's header Massif-Arm said: `<epoch>.<arm>`. */
  arm: z.string().max(96).optional(),
  /** Without the header: the user decides, on endpoints that split by user ... */
  user: z.string().min(1).max(256).optional(),
  /** ... or the version (label or digest), where one arm alone has it. */
  version: z.string().min(1).max(64).optional(),
});
export type FeedbackRequest = z.infer<typeof FeedbackRequest>;

/** `counted` is false for one that was counted before. */
export const FeedbackReply = z.object({ counted: z.boolean(), arm: ArmName, epoch: z.int().min(0) });
export type FeedbackReply = z.infer<typeof FeedbackReply>;
