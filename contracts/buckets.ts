// JetStream buckets and the keys in them. Names carry the region: object stores publish on `$O`, which domain borders do not stop.
import { type Digest, keyPart } from './names.js';

export const buckets = {
  /** KV, home region, mirrored to the others: models, versions, aliases, endpoints. */
  catalog: (region: string) => `massif_catalog_${region.replaceAll('-', '_')}`,
  /** KV, home region, mirrored: what each shard is to hold, in parts. */
  placement: (region: string) => `massif_placement_${region.replaceAll('-', '_')}`,
  /** KV, every region its own: signed orders of safety, which do not wait for the home region. */
  overrides: (region: string) => `massif_overrides_${region.replaceAll('-', '_')}`,
  /** KV, home region: how many replicas of each scaled endpoint the autoscaler wants. */
  scaling: (region: string) => `massif_scaling_${region.replaceAll('-', '_')}`,
  /** KV, home region: who has which devices of the pools, and what the days of endpoints look like; the leading autoscaler writes. */
  scheduling: (region: string) => `massif_scheduling_${region.replaceAll('-', '_')}`,
  /** KV, home region, mirrored: tenants and hashed keys of the doors. */
  identity: (region: string) => `massif_identity_${region.replaceAll('-', '_')}`,
  /** KV, home region: fencing epochs of leases. */
  leases: (region: string) => `massif_leases_${region.replaceAll('-', '_')}`,
  /** Object store, every region: resources by digest. */
  artifacts: (region: string) => `massif_artifacts_${region.replaceAll('-', '_')}`,
  /** Object store, home region: pushes on their way; JetStream itself forgets what nobody finished. */
  uploads: (region: string) => `massif_uploads_${region.replaceAll('-', '_')}`,
  /** Object store, every region: bodies too large for a message, of callers without our library; forgotten after ten minutes. */
  bodies: (region: string) => `massif_bodies_${region.replaceAll('-', '_')}`,
  /** KV, home region: one record a release, with its plan. */
  releases: (region: string) => `massif_releases_${region.replaceAll('-', '_')}`,
  /** KV, home region: the decisions of all releases, one entry each. */
  journals: (region: string) => `massif_journals_${region.replaceAll('-', '_')}`,
  /** KV, home region: one record a job. */
  jobs: (region: string) => `massif_jobs_${region.replaceAll('-', '_')}`,
  /** KV, home region: one record a compression job. */
  compressJobs: (region: string) => `massif_compress_jobs_${region.replaceAll('-', '_')}`,
  /** Object store, home region: checkpoints and reports of compression, by job. */
  compression: (region: string) => `massif_compression_${region.replaceAll('-', '_')}`,
  /** KV, home region: alerts that are not over. */
  alerts: (region: string) => `massif_alerts_${region.replaceAll('-', '_')}`,
  /** KV, home region: rules of payload sampling by model. */
  sampling: (region: string) => `massif_sampling_${region.replaceAll('-', '_')}`,
  /** Object store, home region: signed baselines by version. */
  baselines: (region: string) => `massif_baselines_${region.replaceAll('-', '_')}`,
  /** KV, home region: what the weights of each version look like, whatever their names and order. */
  weights: (region: string) => `massif_weights_${region.replaceAll('-', '_')}`,
  /** KV, home region, mirrored: signed plans of taps by version. */
  taps: (region: string) => `massif_taps_${region.replaceAll('-', '_')}`,
  /** KV, every region its own copy: signed checkpoints of the audit log of the home region. */
  checkpoints: (region: string) => `massif_checkpoints_${region.replaceAll('-', '_')}`,
  /** Object store, home region: data sets by digest; checkpoints and reports by job. */
  training: (region: string) => `massif_training_${region.replaceAll('-', '_')}`,
};

/** Work queues of jobs, home region: each kind has one durable consumer. */
export const streams = {
  jobs: (region: string) => `massif_jobs_${region.replaceAll('-', '_')}`,
  /** Home region: what was told on `massif.events.>`, kept until the auditor has written it down. */
  auditIntake: (region: string) => `massif_audit_intake_${region.replaceAll('-', '_')}`,
  /** Home region: sampled requests, a ring for each model; forgotten by count, bytes and age. */
  samples: (region: string) => `massif_samples_${region.replaceAll('-', '_')}`,
  /** Home region: the audit log. Nothing is ever deleted from it. */
  auditLog: (region: string) => `massif_audit_${region.replaceAll('-', '_')}`,
};

export const UPLOAD_TTL_MS = 10 * 60_000;
export const BODIES_TTL_MS = 10 * 60_000;
/** Of all bodies in the bucket of a region together; beyond it the bucket refuses more until some are forgotten. */
export const BODIES_BYTES_MAX = 2_147_483_648;

export const keys = {
  version: (model: string, digest: Digest) => `version.${keyPart(model)}.${digest}`,
  versionsOf: (model: string) => `version.${keyPart(model)}.*`,
  /** A push under way. */
  submission: (model: string, digest: Digest) => `submission.${keyPart(model)}.${digest}`,
  alias: (model: string, alias: string) => `alias.${keyPart(model)}.${keyPart(alias)}`,
  endpoint: (endpoint: string) => `endpoint.${keyPart(endpoint)}`,
  pipeline: (pipeline: string) => `pipeline.${keyPart(pipeline)}`,
  placement: (shard: string, part: string) => `${keyPart(shard)}.${part}`,
  wanted: (endpoint: string) => keyPart(endpoint),
  schedule: () => 'schedule',
  forecast: (endpoint: string, region: string) => `forecast.${keyPart(endpoint)}.${keyPart(region)}`,
  /** An order by what it is about, so that a newer one takes the older one's place. */
  armOrder: (endpoint: string, arm: string) => `arm.${keyPart(endpoint)}.${keyPart(arm)}`,
  versionOrder: (version: Digest) => `version.${version}`,
  shardOrder: (shard: string) => `shard.${keyPart(shard)}`,
  tapPlan: (version: Digest) => version,
  trust: () => 'trust',
  apiKey: (id: string) => `key.${id}`,
  tenant: (name: string) => `tenant.${keyPart(name)}`,
  release: (id: string) => keyPart(id),
  journal: (release: string, seq: number) => `${keyPart(release)}.${seq}`,
  job: (id: string) => keyPart(id),
  samplingRule: (model: string) => keyPart(model),
  /** A few hundred of the newest, each in the place of an older one. */
  auditCheckpoint: (slot: number) => `slot.${slot}`,
  /** Names in the object store of training. */
  dataset: (digest: Digest) => `data.${digest}`,
  checkpoint: (job: string) => `checkpoint.${job}`,
  report: (job: string) => `report.${job}`,
};
