// What a replica has done since its engine took it over, as the statistics extension of the Open Inference Protocol counts it
// (Triton's names and meanings, so that doors pass `statistics` on as it is), and what its scheduler learned and refused.
// A shard answers for its replicas (subjects.shardControl, `statistics`); `sumStatistics` adds up the replicas of a version.
import { z } from 'zod';
import { Digest, InstanceName, ModelName, RegionName } from './names.js';

/** Of how many, and their time together: both only grow. */
export const Duration = z.object({ count: z.int().min(0), ns: z.int().min(0) });
export type Duration = z.infer<typeof Duration>;

/** Time in one request's life. Every request of a joint run counts once in each and is charged the whole run. */
export const InferStatistics = z.object({
  /** Answered with a result, from arrival in the engine to the answer. */
  success: Duration,
  /** Answered with a failure: refused, displaced, expired and failed ones. */
  fail: Duration,
  /** Waiting for its run. */
  queue: Duration,
  /** Reading the body and putting the batch together. */
  compute_input: Duration,
  /** The run itself. */
  compute_infer: Duration,
  /** Taking rows apart and writing the answer. */
  compute_output: Duration,
  /** Answered from a cache, and asked of a cache in vain: counted by whoever holds the cache, 0 in an engine. */
  cache_hit: Duration,
  cache_miss: Duration,
});
export type InferStatistics = z.infer<typeof InferStatistics>;

/** Runs of one size; here a run counts once. Sizes between the rungs of the engine's ladder are told as the next larger rung. */
export const BatchStatistics = z.object({
  batch_size: z.int().min(1),
  compute_input: Duration,
  compute_infer: Duration,
  compute_output: Duration,
});
export type BatchStatistics = z.infer<typeof BatchStatistics>;

export const MemoryUsage = z.object({
  type: z.enum(['CPU', 'CPU_PINNED', 'GPU']),
  id: z.int().min(0),
  byte_size: z.int().min(0),
});
export type MemoryUsage = z.infer<typeof MemoryUsage>;

/** A `model_stats` entry of the protocol without its name and version. */
export const ModelStatistics = z.object({
  /** Milliseconds since 1970 of the last run; 0 when there was none. */
  last_inference: z.int().min(0),
  /** Rows inferred. Cache hits are in neither of these two. */
  inference_count: z.int().min(0),
  /** Runs: `inference_count / execution_count` is the batching achieved. */
  execution_count: z.int().min(0),
  inference_stats: InferStatistics,
  batch_stats: z.array(BatchStatistics).max(64),
  memory_usage: z.array(MemoryUsage).max(16),
});
export type ModelStatistics = z.infer<typeof ModelStatistics>;

/** Requests that ended without a run, by reason. All but `cancelled` are in `fail` too. */
export const SchedulingCounts = z.object({
  /** Their time was over before their turn came. */
  expired: z.int().min(0),
  /** Told early that they would not make their deadline here, so that another replica may still help. */
  hopeless: z.int().min(0),
  /** Gave their place in a full queue to a higher priority. */
  displaced: z.int().min(0),
  /** Met a full queue. */
  full: z.int().min(0),
  /** Their caller asked to forget them; nobody was answered. */
  cancelled: z.int().min(0),
  /** Run although their time was over: 0, and counted so that anybody can see it. */
  overdue: z.int().min(0),
});
export type SchedulingCounts = z.infer<typeof SchedulingCounts>;

/** How long a run of so many rows takes, as learned from real runs: with joining the rows and writing the answers, and of that the model alone. */
export const LatencyPoint = z.object({
  rows: z.int().min(1),
  run_ms: z.number().min(0),
  /** Shards of before 26 November 2026 do not say it. */
  infer_ms: z.number().min(0).optional(),
});
export type LatencyPoint = z.infer<typeof LatencyPoint>;

export const ReplicaStatistics = z.object({
  /** The replica's id, last token of its run subject. */
  replica: z.string(),
  model: ModelName,
  version: Digest,
  statistics: ModelStatistics,
  scheduling: SchedulingCounts,
  /** Of the shape that was asked last. */
  curve: z.array(LatencyPoint).max(64),
});
export type ReplicaStatistics = z.infer<typeof ReplicaStatistics>;

/** Versions named in one question. */
export const STATISTICS_VERSIONS_MAX = 1_024;

/** Of one model, of these versions, or of all when none is named. */
export const StatisticsQuery = z.object({
  model: ModelName.optional(),
  versions: z.array(Digest).max(STATISTICS_VERSIONS_MAX).optional(),
});
export type StatisticsQuery = z.infer<typeof StatisticsQuery>;

export const StatisticsReply = z.object({
  shard: InstanceName,
  region: RegionName,
  replicas: z.array(ReplicaStatistics),
});
export type StatisticsReply = z.infer<typeof StatisticsReply>;

const sumDuration = (a: Duration, b: Duration): Duration => ({ count: a.count + b.count, ns: a.ns + b.ns });
const nothing: Duration = { count: 0, ns: 0 };

export const noStatistics: ModelStatistics = {
  last_inference: 0,
  inference_count: 0,
  execution_count: 0,
  inference_stats: {
    success: nothing,
    fail: nothing,
    queue: nothing,
    compute_input: nothing,
    compute_infer: nothing,
    compute_output: nothing,
    cache_hit: nothing,
    cache_miss: nothing,
  },
  batch_stats: [],
  memory_usage: [],
};

export const noScheduling: SchedulingCounts = {
  expired: 0,
  hopeless: 0,
  displaced: 0,
  full: 0,
  cancelled: 0,
  overdue: 0,
};

export const sumScheduling = (a: SchedulingCounts, b: SchedulingCounts): SchedulingCounts => ({
  expired: a.expired + b.expired,
  hopeless: a.hopeless + b.hopeless,
  displaced: a.displaced + b.displaced,
  full: a.full + b.full,
  cancelled: a.cancelled + b.cancelled,
  overdue: a.overdue + b.overdue,
});

/** Several replicas as one: counts and times add up, the last inference is the latest. */
export function sumStatistics(all: readonly ModelStatistics[]): ModelStatistics {
  return all.reduce(
    (a, b) => ({
      last_inference: Math.max(a.last_inference, b.last_inference),
      inference_count: a.inference_count + b.inference_count,
      execution_count: a.execution_count + b.execution_count,
      inference_stats: sumInfer(a.inference_stats, b.inference_stats),
      batch_stats: sumBatches(a.batch_stats, b.batch_stats),
      memory_usage: sumMemory(a.memory_usage, b.memory_usage),
    }),
    noStatistics,
  );
}

function sumInfer(a: InferStatistics, b: InferStatistics): InferStatistics {
  return {
    success: sumDuration(a.success, b.success),
    fail: sumDuration(a.fail, b.fail),
    queue: sumDuration(a.queue, b.queue),
    compute_input: sumDuration(a.compute_input, b.compute_input),
    compute_infer: sumDuration(a.compute_infer, b.compute_infer),
    compute_output: sumDuration(a.compute_output, b.compute_output),
    cache_hit: sumDuration(a.cache_hit, b.cache_hit),
    cache_miss: sumDuration(a.cache_miss, b.cache_miss),
  };
}

function sumBatches(a: readonly BatchStatistics[], b: readonly BatchStatistics[]): BatchStatistics[] {
  const sizes = new Map(a.map((one) => [one.batch_size, one]));
  for (const one of b) {
    const known = sizes.get(one.batch_size);
    sizes.set(one.batch_size, {
      batch_size: one.batch_size,
      compute_input: sumDuration(known?.compute_input ?? nothing, one.compute_input),
      compute_infer: sumDuration(known?.compute_infer ?? nothing, one.compute_infer),
      compute_output: sumDuration(known?.compute_output ?? nothing, one.compute_output),
    });
  }
  return [...sizes.values()].toSorted((x, y) => x.batch_size - y.batch_size);
}

function sumMemory(a: readonly MemoryUsage[], b: readonly MemoryUsage[]): MemoryUsage[] {
  const kinds = new Map(a.map((one) => [`${one.type}:${one.id}`, one]));
  for (const one of b) {
    const key = `${one.type}:${one.id}`;
    kinds.set(key, { ...one, byte_size: one.byte_size + (kinds.get(key)?.byte_size ?? 0) });
  }
  return [...kinds.values()];
}
