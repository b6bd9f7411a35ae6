// The conversation with the registry, and the records it keeps in KV. Buckets and keys are in contracts/buckets.ts.
import { z } from 'zod';
import { CompressionRecipe } from './compression-recipe.js';
import { CACHE_S_MAX } from './headers.js';
import { MOVES_MAX, VersionMove, VersionState } from './lifecycle.js';
import { Digest, EndpointName, InstanceName, Label, ModelName, RegionName } from './names.js';
import { Bundle, Envelope } from './manifest.js';
import { DeviceClass, PlacementPolicy, PoolName, Spread } from './placement.js';
import { ScalingPolicy } from './scaling.js';
import { StateTensor } from './sequence-state.js';
import { TensorSpec } from './tensor-spec.js';
import { Quality } from './train-report.js';
import { ArmName, BucketTable, Experiment, Rule, Shadow, WEIGHT_TOTAL, WithoutUser } from './traffic.js';

export const Resource = z.object({ name: z.string(), digest: Digest, bytes: z.int().min(0) });
export type Resource = z.infer<typeof Resource>;

/** What the publisher says of a model; travels as the signed resource `card.json`. */
export const Card = z.object({
  licence: z.string().max(200).default('unknown'),
  description: z.string().max(4_000).default(''),
  source: z.string().max(500).default(''),
  /** Digest of the version this one was made from (lineage), and how. */
  parent: Digest.optional(),
  method: z.string().max(200).optional(),
  /** Small models of one group share an engine process. */
  trustGroup: z.string().max(64).default('shared'),
  /** A large, hot or suspect model gets an engine of its own. */
  ownEngine: z.boolean().default(false),
  /** Values for variable dimensions during warm-up: {"w": 320} by symbolic name, or by "input:axis". */
  warmDims: z.record(z.string(), z.int().min(1)).default({}),
  /** Runs longer than this are taken for stuck and the engine is replaced. */
  runLimitMs: z.int().min(10).max(600_000).default(30_000),
  /** Makes the version stateful: within a sequence these inputs stay in the engine from step to step. */
  state: z.array(StateTensor).min(1).max(64).optional(),
  /** A sequence without a step for so long is dropped; a minute when not given. */
  sequenceIdleMs: z.int().min(100).max(3_600_000).optional(),
  /** Of a version that was made smaller: enough to make it again, and what came of it. `parent` is what it was made of. */
  compression: z
    .object({
      job: z.string().max(64),
      recipe: CompressionRecipe,
      dataDigest: Digest,
      seed: z.int(),
      figure: z.string().max(32),
      quality: z.number(),
      parentQuality: z.number(),
      /** Of the parent's. No times: a job that publishes once more after a kill has to make the very same version. */
      size: z.number(),
      environment: z.record(z.string().max(64), z.string().max(200)),
    })
    .optional(),
  /** Of a version that the trainer made: enough to make it again. */
  training: z
    .object({
      job: z.string().max(64),
      dataDigest: Digest,
      seed: z.int(),
      ...Quality.shape,
      measuredOn: z.enum(['test', 'validation']),
      environment: z.record(z.string().max(64), z.string().max(200)),
    })
    .optional(),
});
export type Card = z.infer<typeof Card>;

/** A version keeps no more; an approval that expired makes room for a new one. */
export const APPROVALS_MAX = 32;

export const VersionRecord = z.object({
  digest: Digest,
  model: ModelName,
  label: Label,
  state: VersionState,
  /** Oldest first; the last one is how it came into its state. */
  moves: z.array(VersionMove).max(MOVES_MAX).default([]),
  /** Its files need not be kept since then; a push of the same version brings them back. */
  collectedAt: z.iso.datetime().optional(),
  createdAt: z.iso.datetime(),
  /** SHA-256 of the publisher's public key, and the person the policy names for it. */
  signer: z.object({ fingerprint: z.string(), person: z.string() }),
  resources: z.array(Resource).min(1),
  inputs: z.array(TensorSpec),
  outputs: z.array(TensorSpec),
  opset: z.int(),
  irVersion: z.int(),
  parameterCount: z.int(),
  bytes: z.int(),
  card: Card,
  bundle: Bundle,
  /** Of other persons than the publisher (contracts/approval.ts), as they came; whoever loads it counts them anew. */
  approvals: z.array(Envelope).max(APPROVALS_MAX).optional(),
  /** What the scan saw in the graph that a person should know before they approve it. */
  findings: z.array(z.string().max(500)).max(64).optional(),
});
export type VersionRecord = z.infer<typeof VersionRecord>;

/** A movable name of a version, in the catalog bucket like versions and endpoints. */
export const AliasRecord = z.object({ model: ModelName, alias: Label, version: Digest });
export type AliasRecord = z.infer<typeof AliasRecord>;

export const Variant = z.object({
  version: Digest,
  label: Label,
  weight: z.int().min(0).max(WEIGHT_TOTAL),
  /** Unique in the endpoint; the label when not given. */
  arm: ArmName.optional(),
  /** Replicas in the regions named, while a release goes replica by replica; the endpoint's number elsewhere. */
  replicas: z.record(RegionName, z.int().min(0).max(64)).optional(),
});
export type Variant = z.infer<typeof Variant>;

export const armOf = ({ arm, label }: Pick<Variant, 'arm' | 'label'>): string => arm ?? label;

/** Milliseconds after which a second replica is asked as well; `auto`: the 95th percentile of the endpoint's own latencies. */
export const HedgeAfter = z.union([z.int().min(1), z.literal('auto')]);

/** A pin is an exception; who has more users to put somewhere has a pool. */
export const PINS_MAX = 256;

export const EndpointPlacement = z.object({
  policy: PlacementPolicy,
  /** Residency: it lies, and its users are answered, nowhere else. */
  regions: z.array(RegionName).min(1).max(64).optional(),
  spread: Spread.optional(),
  /** It runs on these devices only. */
  devices: z.array(DeviceClass).min(1).max(2).optional(),
  /** Its users are answered by shards of this pool; by those that belong to none when not given. */
  pool: PoolName.optional(),
  /** The same for the users of some tenants, by tenant. */
  pools: z.record(z.string().min(1).max(128), PoolName).optional(),
  /** No users are answered where round trip and run alone take longer. */
  withinMs: z.number().positive().optional(),
});
export type EndpointPlacement = z.infer<typeof EndpointPlacement>;

export const EndpointRecord = z.object({
  name: EndpointName,
  model: ModelName,
  variants: z
    .array(Variant)
    .min(1)
    .max(16)
    .refine((variants) => variants.reduce((sum, v) => sum + v.weight, 0) === WEIGHT_TOTAL, {
      message: `weights must add up to ${WEIGHT_TOTAL}`,
    })
    .refine((variants) => new Set(variants.map(armOf)).size === variants.length, {
      message: 'each arm has a name of its own',
    }),
  /** Grows with every change of weights or arms, so that what was counted before is not mixed with what came after; 0 when absent. */
  epoch: z.int().min(0).optional(),
  /** Who owns which buckets; absent: the variants in order, from 0 up. */
  table: BucketTable.refine((runs) => runs.reduce((sum, [count]) => sum + count, 0) === WEIGHT_TOTAL, {
    message: `the table has ${WEIGHT_TOTAL} buckets`,
  }).optional(),
  /** Tried in order, before the weights. */
  rules: z.array(Rule).max(64).optional(),
  experiment: Experiment.optional(),
  shadow: Shadow.optional(),
  /** Absent: refused where the user decides, drawn elsewhere. */
  withoutUser: WithoutUser.optional(),
  /** Hashed with the user to give a bucket; a new salt reshuffles everybody. */
  salt: z.string().min(1).max(64),
  /** `user`: the user decides the variant and a call without one is refused; `request`: a user sticks, others are drawn. */
  assignment: z.enum(['user', 'request']),
  replicasPerRegion: z.int().min(1).max(64),
  /** Absent: so many in every region. Else a policy decides how many, and where, from the demand that routers report. */
  placement: EndpointPlacement.optional(),
  /** Users that are answered by one shard, by user, as long as it can. */
  pins: z
    .record(z.string().min(1).max(256), InstanceName)
    .refine((pins) => Object.keys(pins).length <= PINS_MAX, {
      message: `an endpoint has at most ${PINS_MAX} pins`,
    })
    .optional(),
  /** The autoscaler decides how many replicas; in a dry run, and before its first word, `replicasPerRegion` counts. */
  scaling: ScalingPolicy.optional(),
  /** A call without a deadline gets this one. */
  timeoutMs: z.int().min(1).max(600_000),
  /** Second attempt on another replica after this time; absent = no hedging. */
  hedgeAfterMs: HedgeAfter.optional(),
  /** Answers may be kept and given again for so many seconds; absent: each call is run. Never of sequences. */
  cacheS: z.int().min(1).max(CACHE_S_MAX).optional(),
  /** A version of it keeps the state of sequences: only then do routers look for one in the body. */
  stateful: z.boolean().optional(),
  /** The release whose plan this is, and which of its plans. */
  release: z.object({ id: z.string().max(160), revision: z.int().min(1) }).optional(),
  updatedAt: z.iso.datetime(),
});
export type EndpointRecord = z.infer<typeof EndpointRecord>;

/** Which record of a shard a version is placed in: with hundreds on a shard a load changes a record of one or two. */
export const placementPart = (version: Digest): string => version.slice(0, 2);

/** Which versions of this part a shard is to hold; what it lacks leaves. Written by the placer alone, fenced by its epoch. */
export const PlacementRecord = z.object({
  shard: z.string(),
  part: z.string().regex(/^[0-9a-f]{2}$/),
  epoch: z.int().min(0),
  versions: z.array(z.object({ model: ModelName, version: Digest })).max(10_000),
});
export type PlacementRecord = z.infer<typeof PlacementRecord>;

// ---- requests and replies -------------------------------------------------------------------------------------------

/** The bytes lie in the upload bucket under their digests already; this makes them a version, or nothing. */
export const PushRequest = z.object({
  model: ModelName,
  label: Label,
  bundle: Bundle,
  resources: z.array(Resource).min(1).max(1_000),
  /** Aliases to move to the new version in the same step. */
  aliases: z.array(Label).max(16).default([]),
});
export type PushRequest = z.infer<typeof PushRequest>;

/** The registry reads, scans and copies all files before it answers: two minutes, and more for what a busy disk takes at 10 MB/s. */
export const pushTimeoutMs = (resources: readonly Pick<Resource, 'bytes'>[]): number =>
  120_000 + resources.reduce((sum, { bytes }) => sum + bytes, 0) / 10_000;
/** `created` is false when the very same version was there already. */
export const PushReply = z.object({ version: VersionRecord, created: z.boolean() });
export type PushReply = z.infer<typeof PushReply>;

export const ModelsRequest = z.object({
  model: ModelName.optional(),
  archived: z.boolean().default(false),
  /** The `next` of a page before. */
  after: ModelName.optional(),
});
export type ModelsRequest = z.infer<typeof ModelsRequest>;
export const ModelSummary = z.object({
  model: ModelName,
  aliases: z.record(z.string(), Digest),
  versions: z.array(VersionRecord.omit({ bundle: true, moves: true })),
});
/** A page that fits a message, by name; `next` is there when more follow. */
export const ModelsReply = z.object({ models: z.array(ModelSummary), next: ModelName.optional() });
export type ModelsReply = z.infer<typeof ModelsReply>;

/** A version by digest (or its first 12 digits), label or alias; without one: the alias `stable`, else the newest. */
export const VersionQuery = z.object({ model: ModelName, version: z.string().max(64).optional() });
export type VersionQuery = z.infer<typeof VersionQuery>;
export const ArchiveRequest = z.object({
  model: ModelName,
  version: z.string().max(64).optional(),
  by: z.string().min(1).max(200).default('unnamed'),
  why: z.string().max(1_000).default(''),
});
export type ArchiveRequest = z.infer<typeof ArchiveRequest>;

export const ShowReply = z.object({ version: VersionRecord });
export type ShowReply = z.infer<typeof ShowReply>;

export const AliasRequest = z.object({ model: ModelName, alias: Label, version: z.string().max(64) });
export type AliasRequest = z.infer<typeof AliasRequest>;

export const DeployRequest = z.object({
  endpoint: EndpointName,
  model: ModelName,
  /** Versions by digest, label or alias; weights in parts of 10,000. Empty: the default version takes all. */
  variants: z
    .array(
      z.object({
        version: z.string().max(64),
        weight: z.int().min(0).max(WEIGHT_TOTAL),
        arm: ArmName.optional(),
      }),
    )
    .max(16)
    .default([]),
  assignment: z.enum(['user', 'request']).default('request'),
  replicasPerRegion: z.int().min(1).max(64).default(1),
  timeoutMs: z.int().min(1).max(600_000).default(10_000),
  hedgeAfterMs: HedgeAfter.optional(),
  /** Seconds; absent or 0: no answer is kept. */
  cacheS: z.int().min(0).max(CACHE_S_MAX).optional(),
  /** These six stay as they are when not given; an empty list or null takes them away. */
  rules: z.array(Rule).max(64).optional(),
  experiment: Experiment.nullable().optional(),
  shadow: Shadow.nullable().optional(),
  withoutUser: WithoutUser.nullable().optional(),
  placement: EndpointPlacement.nullable().optional(),
  scaling: ScalingPolicy.nullable().optional(),
});
export type DeployRequest = z.infer<typeof DeployRequest>;
/** With a release the endpoint is as it was: the release loads the new versions first, then switches. */
export const DeployReply = z.object({ endpoint: EndpointRecord, release: z.string().optional() });
export type DeployReply = z.infer<typeof DeployReply>;

/** To the registry: this user is answered by that shard from now on; null: by whichever the route chooses. */
export const PinRequest = z.object({
  endpoint: EndpointName,
  user: z.string().min(1).max(256),
  shard: InstanceName.nullable(),
});
export type PinRequest = z.infer<typeof PinRequest>;

export const EndpointQuery = z.object({ endpoint: EndpointName });
export type EndpointQuery = z.infer<typeof EndpointQuery>;
/** `after`: the `next` of a page before. */
export const EndpointsRequest = z.object({ after: EndpointName.optional() });
export type EndpointsRequest = z.infer<typeof EndpointsRequest>;
export const EndpointsReply = z.object({
  endpoints: z.array(EndpointRecord),
  next: EndpointName.optional(),
});
export type EndpointsReply = z.infer<typeof EndpointsReply>;

export const LineageReply = z.object({
  versions: z.array(
    z.object({ digest: Digest, label: Label, parent: Digest.optional(), method: z.string().optional() }),
  ),
});
export type LineageReply = z.infer<typeof LineageReply>;
