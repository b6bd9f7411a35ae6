// How the arms of an endpoint fare, told by every process that routes (router, gateway, client library) about four times a second
// while there is something to say. All counters are totals since the start of the source, for one endpoint and one weight epoch:
// a lost report is made good by the next, a repeated one changes nothing, and a process that starts again is another source.
import { z } from 'zod';
import { EndpointName, InstanceName, RegionName } from './names.js';
import { ArmName } from './traffic.js';

/**
 * A call counts once, for the arm that it was first given, and fails when that arm failed it, even where a retry elsewhere saved
 * it. What is the caller's own fault (4xx) is no failure of anybody.
 *
 * `failed`: the model or the engine said so; `timedOut`: no answer in the time of an attempt; `lost`: the replica went away with
 * it; `unserved`: the arm had no replica to give it to; `full`: refused for lack of room, and nobody else took it either;
 * `deadline`: the caller's time ran out.
 */
export const FAILURE_KINDS = ['failed', 'timedOut', 'lost', 'unserved', 'full', 'deadline'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

const Count = z.int().min(0);

/** Latency of the calls that succeeded, in bins of equal ratio (services/mesh/evidence/latency-bins.ts). */
export const LatencyEvidence = z.object({
  count: Count,
  /** Of the natural logarithm of milliseconds. */
  sumLn: z.number(),
  sumLn2: z.number().min(0),
  /** Index of the first bin told, and the counts from there. */
  from: Count,
  bins: z.array(Count).max(256),
});
export type LatencyEvidence = z.infer<typeof LatencyEvidence>;

/** A number that callers report, or a right (1) and wrong (0). */
export const FeedbackEvidence = z.object({ count: Count, sum: z.number(), sum2: z.number().min(0) });
export type FeedbackEvidence = z.infer<typeof FeedbackEvidence>;

/** Answers of a shadow arm beside the real ones to the same requests. */
export const ShadowEvidence = z.object({
  pairs: Count,
  /** Another label (arg-max), or a difference above what the release allows. */
  disagreed: Count,
  /** The shadow failed where the real arm answered. */
  failed: Count,
  /** Largest absolute difference over scale, over all pairs; its sum and sum of squares. */
  diffMax: z.number().min(0),
  diffSum: z.number().min(0),
  diffSum2: z.number().min(0),
  /** ln(shadow's latency / real latency). */
  lnRatioSum: z.number(),
  lnRatioSum2: z.number().min(0),
});
export type ShadowEvidence = z.infer<typeof ShadowEvidence>;

/** What is counted of one arm in one epoch. Additive, so that sources may be summed. */
const ArmCounts = {
  /** In parts of 10,000, as the record of this epoch has it. */
  weight: z.int().min(0).max(10_000),
  requests: Count,
  failures: z.partialRecord(z.enum(FAILURE_KINDS), Count),
  /** Of calls without a user: each of them was drawn for itself. */
  anonymous: Count,
  anonymousFailures: Count,
  latency: LatencyEvidence.optional(),
  feedback: z.record(z.string(), FeedbackEvidence).default({}),
  shadow: ShadowEvidence.optional(),
};

/** 32-bit hashes, 4 bytes each, little-endian, in base64. */
const Hashes = z.base64().max(100_000).default('');

export const ArmReport = z.object({
  arm: ArmName,
  ...ArmCounts,
  /** Users seen, and users who failed, for the first time since the last report; all of them in a whole report. */
  users: Hashes,
  failedUsers: Hashes,
});
export type ArmReport = z.infer<typeof ArmReport>;

/** One source on one endpoint in one epoch of its weights. */
export const EvidenceReport = z.object({
  /** One life of one process; another life is another source. */
  source: z.string().min(1).max(64),
  process: InstanceName.optional(),
  region: RegionName,
  /** 1, 2, ... over all reports of the source: a gap is a report lost. */
  seq: z.int().min(1),
  endpoint: EndpointName,
  epoch: Count,
  /** The lists of users are complete, not only what is new. */
  whole: z.boolean(),
  arms: z.array(ArmReport).max(16),
});
export type EvidenceReport = z.infer<typeof EvidenceReport>;

// ---- what is made of the reports ------------------------------------------------------------------------------------

export const ArmEvidence = z.object({
  ...ArmCounts,
  /** Distinct over all sources. */
  users: Count,
  failedUsers: Count,
});
export type ArmEvidence = z.infer<typeof ArmEvidence>;

export const EpochEvidence = z.object({
  epoch: Count,
  arms: z.record(z.string(), ArmEvidence),
  /** The first 16,384 users (8,192 failing ones) were counted; later ones are not. */
  usersFull: z.boolean().default(false),
  failedUsersFull: z.boolean().default(false),
  /** Milliseconds since 1970 of the first and the last report. */
  firstMs: z.number(),
  lastMs: z.number(),
});
export type EpochEvidence = z.infer<typeof EpochEvidence>;

/** All that is known of an endpoint's arms, by epoch, oldest first. Small enough to be kept with each decision. */
export const EndpointEvidence = z.object({
  endpoint: EndpointName,
  epochs: z.array(EpochEvidence).max(1_000),
  /** Reports that never came, by gaps in the sequences of the sources. */
  lostReports: Count.default(0),
});
export type EndpointEvidence = z.infer<typeof EndpointEvidence>;
