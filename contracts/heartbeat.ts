// What a shard says of itself, every HEARTBEAT_MS, and of its replicas at once when they change. One with many replicas says all of
// them with some of its beats alone.
import { z } from 'zod';
import { Digest, InstanceName, ModelName, RegionName } from './names.js';

export const HEARTBEAT_MS = 500;
/** Older than this and the shard is not a first choice any more: three beats and a little. */
export const HEARTBEAT_STALE_MS = 1_750;

export const ReplicaState = z.enum(['loading', 'warming', 'ready', 'draining', 'failed']);
export type ReplicaState = z.infer<typeof ReplicaState>;

export const SequenceCounts = z.object({
  open: z.int().min(0),
  /** Bytes of the open ones' state. */
  stateBytes: z.int().min(0),
  /** Since the host began. Dropped for being idle, or for want of memory. */
  passivated: z.int().min(0),
  /** Gone with their engine, or left behind by one that nobody could take over from. */
  lost: z.int().min(0),
  handedOver: z.int().min(0),
});
export type SequenceCounts = z.infer<typeof SequenceCounts>;

export const ReplicaReport = z.object({
  id: z.string(),
  model: ModelName,
  version: Digest,
  state: ReplicaState,
  /** Requests accepted and not yet answered. */
  inFlight: z.int().min(0),
  /** How many it accepts before it answers MAILBOX_FULL. */
  capacity: z.int().min(1),
  /** How many it would have in flight now: its capacity, or a few runs' worth while a queue stands in front of it. */
  limit: z.int().min(1).optional(),
  /** What one request costs it while it is busy: so many before you, so many times this is your wait. */
  itemMs: z.number().min(0).optional(),
  /** Moving average of queue and run together. */
  latencyMs: z.number().min(0),
  /** Batch the engine found to pay; 1 for most convolution models. */
  batchMax: z.int().min(1),
  served: z.int().min(0),
  failed: z.int().min(0),
  /** Changes whenever another engine process takes the replica over. */
  epoch: z.int().min(0),
  /** Of a stateful version. */
  sequences: SequenceCounts.optional(),
  /** Why it failed, when it did. */
  reason: z.string().optional(),
});
export type ReplicaReport = z.infer<typeof ReplicaReport>;

export const EngineReport = z.object({
  pid: z.int(),
  state: z.enum(['starting', 'ready', 'spare', 'stopping']),
  rssBytes: z.int(),
  replicas: z.array(z.string()),
});
export type EngineReport = z.infer<typeof EngineReport>;

/** What a shard runs on, as placing reads it; what it does not say is as the inventory's defaults are (placement.ts). */
export const ShardDevice = z.object({
  /** `cpu` or `cuda:N`. */
  kind: z.string(),
  cores: z.int(),
  memoryBytes: z.int(),
  /** Execution providers of onnxruntime, best first. */
  providers: z.array(z.string().max(32)).max(8).optional(),
  zone: RegionName.optional(),
  /** Reserved for the users of this pool. */
  pool: z.string().min(1).max(32).optional(),
  pricePerHour: z.number().min(0).optional(),
  speed: z.number().positive().optional(),
});
export type ShardDevice = z.infer<typeof ShardDevice>;

export const Heartbeat = z.object({
  shard: InstanceName,
  region: RegionName,
  /** The host process; another pid is another life, whose sequence starts again. */
  pid: z.int(),
  seq: z.int(),
  state: z.enum(['starting', 'ready', 'draining']),
  /** It serves on, and is to get nothing new: it will be drained when what it holds is ready elsewhere. */
  cordoned: z.boolean().optional(),
  device: ShardDevice,
  engines: z.array(EngineReport),
  replicas: z.array(ReplicaReport),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/**
 * Between two whole beats: replicas that came, went or changed their state, and in the place of a beat all that changed at all. With
 * hundreds of replicas a whole beat costs every listener milliseconds, and a model that is loaded changes four times. Counted together
 * with the beats.
 */
export const BeatChanges = Heartbeat.pick({
  shard: true,
  region: true,
  pid: true,
  seq: true,
  state: true,
}).extend({
  /** In the place of a beat: who is not named is there as it was. */
  beat: z.boolean().optional(),
  replicas: z.array(ReplicaReport),
  gone: z.array(z.string()),
});
export type BeatChanges = z.infer<typeof BeatChanges>;
