// Who gets which devices: what pools of compute have, what endpoints and jobs ask of a device, and what the dynamic scheduler made of
// it. The leading autoscaler writes one ScheduleRecord; the command line shows it.
import { z } from 'zod';
import { TenantName } from './identity.js';
import { JobId } from './job.js';
import { Precedence } from './job-terms.js';
import { EndpointName, InstanceName, RegionName } from './names.js';
import { DeviceClass } from './placement.js';

/** One word: node names are made of it. */
export const ComputePoolName = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,15}$/, 'must be a word of at most 16 lower-case letters and digits');

/** Of one node of a pool. */
export const PoolDevice = z.strictObject({
  kind: DeviceClass.default('cpu'),
  /** `a100`, `epyc-9654`: whatever the operator calls it. */
  model: z.string().min(1).max(64).optional(),
  /** Of the node's devices together. */
  memoryBytes: z.number().positive().optional(),
  /** Devices of a node. */
  count: z.int().min(1).max(1_024).default(1),
});
export type PoolDevice = z.infer<typeof PoolDevice>;

export const JobKind = z.enum(['train', 'compress']);
export type JobKind = z.infer<typeof JobKind>;

export const PoolView = z.object({
  name: ComputePoolName,
  kind: z.string().max(32),
  region: RegionName,
  device: PoolDevice,
  pricePerHour: z.number().min(0),
  nodesMax: z.int().min(0),
  /** Nodes there or on their way, and what they are for. */
  shards: z.int().min(0),
  jobs: z.int().min(0),
  /** Shards it should have. */
  wanted: z.int().min(0),
  /** From asking for a node to hearing it, as it was lately. */
  startMs: z.number().min(0).optional(),
  /** Why nothing new is asked of it now. */
  trouble: z.string().max(500).optional(),
});
export type PoolView = z.infer<typeof PoolView>;

export const ScheduledJob = z.object({
  id: JobId,
  kind: JobKind,
  model: z.string().max(128),
  tenant: TenantName,
  priority: Precedence,
  state: z.enum(['placed', 'waiting']),
  pool: ComputePoolName.optional(),
  why: z.string().max(500),
});
export type ScheduledJob = z.infer<typeof ScheduledJob>;

export const Preemption = z.object({
  job: JobId,
  pool: ComputePoolName,
  at: z.iso.datetime(),
  why: z.string().max(500),
});
export type Preemption = z.infer<typeof Preemption>;

/** Replicas of an endpoint for which no shard is to be had, and why. */
export const Shortage = z.object({
  endpoint: EndpointName,
  region: RegionName,
  missing: z.int().min(1),
  why: z.string().max(500),
});
export type Shortage = z.infer<typeof Shortage>;

/** What all pools together may cost, and cost now. */
export const Spending = z.object({ perHour: z.number().min(0), budgetPerHour: z.number().min(0).optional() });
export type Spending = z.infer<typeof Spending>;

/** Written by the leading autoscaler alone, fenced by its epoch. */
export const ScheduleRecord = z.object({
  epoch: z.int().min(0),
  instance: InstanceName,
  at: z.iso.datetime(),
  pools: z.array(PoolView).max(256),
  jobs: z.array(ScheduledJob).max(1_000),
  /** Newest last. */
  preemptions: z.array(Preemption).max(50),
  short: z.array(Shortage).max(1_000),
  spending: Spending,
});
export type ScheduleRecord = z.infer<typeof ScheduleRecord>;
