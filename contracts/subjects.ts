// Every subject on the bus, built by one function each. contracts/README.md is the map of these, and a test compares the two.
import { subjectToken } from './names.js';

export const subjects = {
  /** Caller -> router: one inference, body of the Open Inference Protocol. Queue group `router`; region members first. */
  infer: (endpoint: string) => `massif.infer.${subjectToken(endpoint)}` as const,
  /** The same for one version of an endpoint's model: bypasses the weights, never the gate. */
  inferVersion: (endpoint: string, label: string) =>
    `massif.infer.${subjectToken(endpoint)}.${subjectToken(label)}` as const,
  /** Router or client -> engine: the same bytes, to one replica. */
  run: (replica: string) => `massif.run.${replica}` as const,
  /** Router or client -> engine: forget the request whose answers go to this message's reply subject. No body, no answer. */
  cancel: (replica: string) => `massif.cancel.${replica}` as const,
  /** Caller -> every router: I do not want the answer that was to come to this message's reply subject. No body, no answer. */
  callOff: () => 'massif.call-off' as const,
  /** Engine -> engines of the same stateful model: a sequence began, or who takes mine over? */
  sequences: (model: string) => `massif.sequences.${subjectToken(model)}` as const,
  /** Engine -> engine: the state of a sequence, or a step of one that was given away. `holder` is a replica in one process. */
  sequenceHolder: (holder: string) => `massif.sequence.${holder}` as const,
  /** Caller -> router: what would happen to such a request, and why. */
  explain: (endpoint: string) => `massif.explain.${subjectToken(endpoint)}` as const,
  /** Router, gateway, client -> whoever judges: how the arms of endpoints fare. */
  evidence: (region: string) => `massif.evidence.${region}` as const,
  /** Engine -> auditors: what answers and their requests looked like. */
  observed: (region: string) => `massif.observed.${region}` as const,
  /** Auditor -> engines: of which models requests are kept. */
  sampling: () => 'massif.sampling' as const,
  /** Engine -> the ring of samples: a request that was kept. */
  sampled: (model: string) => `massif.sampled.${subjectToken(model)}` as const,
  /** Caller -> router: what became of an answer. Queue group `router`. */
  feedback: () => 'massif.feedback' as const,
  /** Operator -> a router of the region: a signed order into the region's bucket of overrides. */
  override: (region: string) => `massif.override.${region}` as const,
  /** Operator -> a router of the region: the orders in force there. */
  overrides: (region: string) => `massif.overrides.${region}` as const,
  /** Routers, command line -> a router of the region: its links to the other regions. */
  links: (region: string) => `massif.links.${region}` as const,
  /** Caller -> a gateway: the endpoint's metadata as the protocol has it. Queue group `gateway`. */
  metadata: (endpoint: string) => `massif.metadata.${subjectToken(endpoint)}` as const,
  /** Shard -> everybody: what it serves and how loaded it is. */
  heartbeat: (region: string, shard: string) => `massif.heartbeat.${region}.${shard}` as const,
  /** Shard -> everybody: replicas that changed since its last heartbeat. */
  changes: (region: string, shard: string) => `massif.changes.${region}.${shard}` as const,
  /** Operators, gateways -> shard host: recycle, cordon, drain; inspect and statistics. */
  shardControl: (shard: string, verb: ShardVerb) => `massif.shard.${shard}.${verb}` as const,
  /** Shard -> a shard of the region that has the artifact on its disk: some of its bytes. Queue group `artifact`. */
  artifact: (region: string, digest: string) => `massif.artifact.${region}.${digest}` as const,
  /** Command line, services -> registry. Queue group `registry`. */
  registry: (verb: RegistryVerb) => `massif.registry.${verb}` as const,
  /** Command line, gateway -> an autoscaler: how endpoints are scaled, and why. Queue group `autoscaler`. */
  scaling: () => 'massif.scaling.explain' as const,
  /** Router, gateway, client -> autoscalers: requests wait for an endpoint that sleeps. */
  waiting: () => 'massif.scaling.waiting' as const,
  /** Command line, gateway -> registry: the release of an endpoint's next version. Queue group `registry`. */
  release: (verb: ReleaseVerb) => `massif.release.${verb}` as const,
  /** Registry -> everybody: what was decided of a release. */
  releaseEvents: () => 'massif.events.release' as const,
  /** Registry -> everybody: the moves of a version from state to state. */
  versionEvents: () => 'massif.events.version' as const,
  /** Auditor -> everybody: what it thinks of a version, whenever that changes. */
  verdictEvents: () => 'massif.events.verdict' as const,
  /** Auditor -> everybody: alerts on their way to a receiver. */
  alertEvents: () => 'massif.events.alert' as const,
  /** Every process -> everybody: who did what, and what was refused. The auditor writes it down. */
  auditEvents: () => 'massif.events.audit' as const,
  /** Auditor -> the stream of the audit log: one entry. */
  auditLog: () => 'massif.audit.log' as const,
  /** Command line, consoles -> auditor. Queue group `auditor`. */
  auditor: (verb: AuditorVerb) => `massif.auditor.${verb}` as const,
  /** Command line, gateway -> trainer. Queue group `trainer`. */
  trainer: (verb: TrainerVerb) => `massif.trainer.${verb}` as const,
  /** Command line, gateway -> compressor. Queue group `compressor`. */
  compressor: (verb: CompressorVerb) => `massif.compressor.${verb}` as const,
  /** Trainer, compressor -> the work queue of jobs: the id of one that waits. */
  jobs: (kind: string) => `massif.jobs.${kind}` as const,
  /** Command line -> a gateway: keys and tenants of the doors. Queue group `gateway`. */
  identity: (verb: IdentityVerb) => `massif.identity.${verb}` as const,
  /** Gateway -> every process of a region: its metrics in Prometheus' text form. */
  metrics: (region: string) => `massif.metrics.${region}` as const,
  /** Operator -> every process: who is there, which build, since when. */
  status: () => 'massif.status' as const,
};

export type RegistryVerb =
  | 'push'
  | 'models'
  | 'show'
  | 'alias'
  | 'deploy'
  | 'undeploy'
  | 'scale'
  | 'endpoints'
  | 'archive'
  | 'approve'
  | 'policy'
  | 'history'
  | 'lineage'
  | 'pipeline'
  | 'pipelines'
  | 'withdraw'
  | 'plan'
  | 'pin'
  | 'successor';

export type ReleaseVerb = 'apply' | 'list' | 'show' | 'pause' | 'resume' | 'promote' | 'abort' | 'history';

export type TrainerVerb = 'submit' | 'jobs' | 'show' | 'cancel' | 'report' | 'datasets';

export type CompressorVerb = 'submit' | 'jobs' | 'show' | 'cancel' | 'report';

export type AuditorVerb =
  'read' | 'checkpoints' | 'prove' | 'verdicts' | 'watch' | 'alerts' | 'acknowledge' | 'sampling' | 'samples';

export type IdentityVerb = 'issue' | 'rotate' | 'revoke' | 'tenant' | 'list';

export type ShardVerb = 'recycle' | 'cordon' | 'drain' | 'inspect' | 'statistics';

/** Subscriptions to whole families of subjects. */
export const wildcards = {
  infer: () => 'massif.infer.*' as const,
  inferVersion: () => 'massif.infer.*.*' as const,
  explain: () => 'massif.explain.*' as const,
  metadata: () => 'massif.metadata.*' as const,
  evidence: () => 'massif.evidence.*' as const,
  observed: () => 'massif.observed.*' as const,
  sampled: () => 'massif.sampled.*' as const,
  /** All that is told: of releases, versions and the rest. */
  events: () => 'massif.events.>' as const,
  heartbeats: () => 'massif.heartbeat.*.*' as const,
  changes: () => 'massif.changes.*.*' as const,
};

/** Members of a queue group share the messages; the server prefers members of its own region. */
export const queues = {
  router: 'router',
  gateway: 'gateway',
  registry: 'registry',
  autoscaler: 'autoscaler',
  trainer: 'trainer',
  compressor: 'compressor',
  auditor: 'auditor',
  replica: 'replica',
  artifact: 'artifact',
} as const;

/** An engine publishes only to subjects of this shape, never to any other that a header may name. */
export const isInbox = (subject: string): boolean => /^_INBOX(_[\w-]+)?(\.[\w-]+){1,4}$/.test(subject);
