// Releases: how an endpoint goes from what it serves to another version. The spec that people write, the record that the registry
// keeps of each, the journal of every decision, and the conversation about them. Nothing is ignored: a field that cannot be
// honoured is refused.
import { z } from 'zod';
import { Analysis, JudgeInput, JudgeMemory, Verdict } from './analysis.js';
import { Digest, EndpointName, Label, ModelName, RegionName } from './names.js';
import { ArmName, WEIGHT_TOTAL } from './traffic.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const ARMS_MAX = 8;
export const STEPS_MAX = 32;

/** A label, digest (12 digits are enough), alias, or `latest`. */
const VersionWord = z.string().min(1).max(64);
const Weight = z.int().min(0).max(WEIGHT_TOTAL);
const TimeMs = z
  .int()
  .min(0)
  .max(30 * DAY_MS);

// ---- the spec -------------------------------------------------------------------------------------------------------

/** One replica after the other: a region's surge loads, its share of the traffic follows, and an old replica leaves. */
export const Rolling = z.strictObject({
  type: z.literal('rolling'),
  /** Replicas of both versions together may be this many more than the endpoint's, in each region. */
  maxSurge: z.int().min(0).max(16).default(1),
  /** Replicas that may be missing meanwhile, in each region. */
  maxUnavailable: z.int().min(0).max(16).default(0),
  /** Each share of the traffic is held this long before the next replica; with an analysis it must also pass. */
  minMs: TimeMs.default(0),
  maxMs: TimeMs.default(10 * MINUTE_MS),
  /** The old version can come back by a change of weights alone for this long. */
  keepOldMs: TimeMs.default(0),
});

/** A second full set, then all traffic at once, and back at once while the old set is kept. */
export const BlueGreen = z.strictObject({
  type: z.literal('blueGreen'),
  /** The new set can be called by its label for this long before the switch. */
  previewMs: TimeMs.default(0),
  /** Without it the switch waits for `massif release promote`. */
  autoPromote: z.boolean().default(true),
  keepOldMs: TimeMs.default(30 * MINUTE_MS),
});

export const CanaryStep = z.strictObject({
  weight: z.int().min(1).max(WEIGHT_TOTAL),
  minMs: TimeMs.default(MINUTE_MS),
  /** Without a verdict by then the release holds or rolls back, as `onInconclusive` says. */
  maxMs: TimeMs.min(1).default(DAY_MS),
  /** Waits for `massif release promote` after the verdict. */
  pause: z.boolean().default(false),
});

export const Canary = z.strictObject({
  type: z.literal('canary'),
  steps: z.array(CanaryStep).min(1).max(STEPS_MAX),
  /** `fresh`: as much of the old version's traffic as the canary gets is an arm of its own to compare with. */
  baseline: z.enum(['fresh', 'stable']).default('fresh'),
  onInconclusive: z.enum(['hold', 'abort']).default('abort'),
  keepOldMs: TimeMs.default(30 * MINUTE_MS),
});

export const Experiment = z.strictObject({
  type: z.literal('ab'),
  arms: z
    .array(z.strictObject({ name: ArmName, version: VersionWord, weight: Weight }))
    .min(2)
    .max(ARMS_MAX),
  /** The arm that all others are compared with; a failing arm's share goes back to it. */
  control: ArmName,
  /** No winner by then: the release holds for `holdMs`, then the control takes all. */
  horizonMs: TimeMs.min(1),
  holdMs: TimeMs.default(DAY_MS),
  /** A winner is always promoted by a person: `massif release promote ID --arm NAME`. */
  keepOldMs: TimeMs.default(30 * MINUTE_MS),
});

/** Copies of requests for the new version; its answers are compared and dropped. Weights never change. */
export const Shadow = z.strictObject({
  type: z.literal('shadow'),
  /** Parts of 10,000 of the requests that are copied. */
  share: z.int().min(1).max(WEIGHT_TOTAL),
  minMs: TimeMs.default(MINUTE_MS),
  maxMs: TimeMs.min(1).default(DAY_MS),
});

/** Load, switch, drain: what `massif deploy` does. Nobody compares anything. */
export const Immediate = z.strictObject({
  type: z.literal('immediate'),
  /** Instead of `to`: several versions, each with its share. */
  variants: z
    .array(z.strictObject({ version: VersionWord, weight: Weight, arm: ArmName.optional() }))
    .max(16)
    .default([]),
  keepOldMs: TimeMs.default(0),
});

export const Strategy = z.discriminatedUnion('type', [
  Immediate,
  Rolling,
  BlueGreen,
  Canary,
  Experiment,
  Shadow,
]);
export type Strategy = z.infer<typeof Strategy>;

/** Looked at all the time, also while the release is paused. */
export const Guards = z.strictObject({
  /** The new version's ready share of its replicas, in parts of 10,000, below which the release rolls back. */
  readyShareMin: Weight.default(0),
  /** The whole release, pauses included; longer and it rolls back. */
  totalMs: TimeMs.min(1).default(7 * DAY_MS),
});

export const Deadlines = z.strictObject({
  loadingMs: TimeMs.min(1).default(5 * MINUTE_MS),
  warmingMs: TimeMs.min(1).default(5 * MINUTE_MS),
  selfTestMs: TimeMs.min(1).default(MINUTE_MS),
  /** Requests of a version that got weight 0 may run this long before its replicas leave. */
  drainingMs: TimeMs.default(10 * SECOND_MS),
});

/** Which other versions stay loaded with weight 0 when the release is done: callable by label, and a rollback without a load. */
export const Resident = z.strictObject({
  /** The newest so many versions of the model, the released one included. */
  latest: z.int().min(1).max(ARMS_MAX).optional(),
  versions: z.array(VersionWord).max(ARMS_MAX).default([]),
});

export const ReleaseSpec = z.strictObject({
  endpoint: EndpointName,
  /** What the endpoint must serve now; refused when it serves something else. */
  from: VersionWord.optional(),
  /** The new version; for `ab` the arms name theirs. */
  to: VersionWord.optional(),
  strategy: Strategy,
  /** What is compared; a canary, an experiment and a shadow have one also when nothing is said. */
  analysis: Analysis.optional(),
  guards: Guards.prefault({}),
  deadlines: Deadlines.prefault({}),
  resident: Resident.optional(),
  owner: z.string().min(1).max(200),
  reason: z.string().max(1_000).default(''),
});
export type ReleaseSpec = z.infer<typeof ReleaseSpec>;

// ---- the plan: what routers and placer make true ---------------------------------------------------------------------

export const PlanArm = z.object({
  arm: ArmName,
  version: Digest,
  label: Label,
  weight: Weight,
  /** Replicas in each region; the endpoint's own number where a region is not named. */
  replicas: z.record(RegionName, z.int().min(0).max(64)).default({}),
});
export type PlanArm = z.infer<typeof PlanArm>;

export const ReleasePlan = z.object({
  /** Grows with every plan of the release. */
  revision: z.int().min(1),
  /** Leadership under which it was decided. */
  epoch: z.int().min(0),
  arms: z
    .array(PlanArm)
    .min(1)
    .max(16)
    .refine((arms) => arms.reduce((sum, { weight }) => sum + weight, 0) === WEIGHT_TOTAL, {
      message: `weights must add up to ${WEIGHT_TOTAL}`,
    }),
  /** Parts of 10,000 of the requests that are copied to an arm. */
  shadow: z.object({ arm: ArmName, share: Weight }).optional(),
});
export type ReleasePlan = z.infer<typeof ReleasePlan>;

/** What holds in one step, and what it takes to leave it forwards. */
export const CourseStep = z.object({
  arms: z.array(PlanArm),
  /** `placed`: replicas are where the arms want them; `time`: minMs; `analysis`: a verdict, not before minMs; `person`: promote. */
  gate: z.enum(['placed', 'time', 'analysis', 'person']),
  minMs: TimeMs,
  maxMs: TimeMs.optional(),
  pauseAfter: z.boolean().default(false),
});
export type CourseStep = z.infer<typeof CourseStep>;

/** The whole way of a release from its spec, versions found and replicas counted: with it the machine needs nothing else. */
export const ReleaseCourse = z.object({
  strategy: z.enum(['immediate', 'rolling', 'blueGreen', 'canary', 'ab', 'shadow']),
  /** What the endpoint served, and what a rollback brings back. */
  initial: z.array(PlanArm),
  /** While the new version loads. */
  loading: z.array(PlanArm),
  steps: z.array(CourseStep),
  /** All traffic where it shall be; the old version still loaded. */
  promoted: z.array(PlanArm),
  /** Loaded beside what serves when all is over. */
  resident: z.array(PlanArm),
  /** The arm that a failing arm's share goes back to; its name outlives the release. */
  control: ArmName,
  /** Weight epoch of the endpoint before: what was counted up to it is of other arms. */
  epochBefore: z.int().min(0),
  judged: z.object({ analysis: Analysis, baseline: ArmName, candidates: z.array(ArmName) }).optional(),
  shadow: z.object({ arm: ArmName, share: Weight, minMs: TimeMs, maxMs: TimeMs }).optional(),
  /** As they were at the start; they move with the promotion and come back with a rollback. Absent: this release moves none. */
  aliases: z.object({ stable: Digest.optional(), previous: Digest.optional() }).optional(),
  onInconclusive: z.enum(['hold', 'abort']),
  /** A hold that nobody ends, ends in a rollback. */
  holdMs: TimeMs.optional(),
  keepOldMs: TimeMs,
});
export type ReleaseCourse = z.infer<typeof ReleaseCourse>;

export const RELEASE_STATES = [
  'draft',
  'loading',
  'warming',
  'self_test',
  'shadow',
  'step',
  'paused',
  'promoting',
  'draining',
  'aborting',
  'done',
  'rolled_back',
  'failed',
] as const;
export const ReleaseState = z.enum(RELEASE_STATES);
export type ReleaseState = z.infer<typeof ReleaseState>;

/** `failed` is a release that never came to serve: what it leaves is as it was before. */
export const ENDED: ReadonlySet<ReleaseState> = new Set(['done', 'rolled_back', 'failed']);

// ---- the journal -----------------------------------------------------------------------------------------------------

/** What somebody or something wanted, or what was seen. The machine takes it or refuses it, and that is the decision. */
export const ReleaseEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('APPLY') }),
  z.object({ type: z.literal('LOADED') }),
  z.object({ type: z.literal('WARMED') }),
  z.object({ type: z.literal('TESTED') }),
  /** Replicas are as the step wants them. */
  z.object({ type: z.literal('PLACED') }),
  z.object({ type: z.literal('PASS') }),
  z.object({ type: z.literal('FAIL'), arm: ArmName.optional() }),
  z.object({ type: z.literal('INCONCLUSIVE') }),
  /** A verdict that moves nothing: written down now and then, and when what it remembers has changed. */
  z.object({ type: z.literal('LOOKED') }),
  z.object({ type: z.literal('DEADLINE') }),
  z.object({ type: z.literal('BROKEN') }),
  z.object({ type: z.literal('DRAINED') }),
  z.object({ type: z.literal('PAUSE') }),
  z.object({ type: z.literal('RESUME') }),
  z.object({ type: z.literal('PROMOTE'), arm: ArmName.optional() }),
  z.object({ type: z.literal('ABORT') }),
]);
export type ReleaseEvent = z.infer<typeof ReleaseEvent>;

/** A verdict and all that it follows from. */
export const Judged = z.object({ input: JudgeInput, verdict: Verdict });
export type Judged = z.infer<typeof Judged>;

export const JournalEntry = z.object({
  release: z.string().max(160),
  seq: z.int().min(1),
  at: z.iso.datetime(),
  /** Who or what: a person's name, or `controller`. */
  by: z.string().max(200),
  why: z.string().max(2_000),
  event: ReleaseEvent,
  from: ReleaseState,
  to: ReleaseState,
  /** Index of the step, from 0. */
  step: z.int().min(0),
  plan: ReleasePlan,
  /** Of the first entry: all that the later ones follow from. */
  opened: z.object({ spec: ReleaseSpec, course: ReleaseCourse }).optional(),
  /** Counts, thresholds and verdict, where one was given. */
  judged: Judged.optional(),
  /** Version of the code that decided. */
  code: z.string().max(64),
  /** Hash of the entry before; 64 zeros before the first. */
  previous: Digest,
  /** SHA-256 over the entry without this field, keys sorted. */
  hash: Digest,
});
export type JournalEntry = z.infer<typeof JournalEntry>;

/** Where a release goes on after a restart; `version` tells the machine that wrote it. */
export const ReleaseSnapshot = z.object({
  version: z.int(),
  value: ReleaseState,
  context: z.object({
    step: z.int().min(0),
    /** Why it is paused; RESUME and PROMOTE go by it. */
    held: z.enum(['person', 'gate', 'inconclusive']).optional(),
    /** State that it was paused in. */
    pausedIn: z.enum(['shadow', 'step']).optional(),
    winner: ArmName.optional(),
    /** Arms that failed and gave their share back. */
    out: z.array(ArmName),
    /** It never came to serve, so its end is called `failed`. */
    doomed: z.boolean(),
  }),
});
export type ReleaseSnapshot = z.infer<typeof ReleaseSnapshot>;

export const ReleaseRecord = z.object({
  /** `<endpoint>-<n>`. */
  id: z.string().max(160),
  endpoint: EndpointName,
  model: ModelName,
  /** As it was written, defaults filled in. */
  spec: ReleaseSpec,
  /** What the spec means for this endpoint, decided once, at the start. */
  course: ReleaseCourse,
  state: ReleaseState,
  step: z.int().min(0),
  snapshot: ReleaseSnapshot,
  plan: ReleasePlan,
  /** When the state or the step was entered. */
  enteredAt: z.iso.datetime(),
  /** When the state ends by itself, one way or the other. */
  deadlineAt: z.iso.datetime().optional(),
  createdAt: z.iso.datetime(),
  owner: z.string(),
  /** When traffic first went to the new version, and so the first look at it. */
  startedAt: z.iso.datetime().optional(),
  memory: JudgeMemory.optional(),
  /** The newest entry of the journal; the record and it are one write. */
  last: JournalEntry,
});
export type ReleaseRecord = z.infer<typeof ReleaseRecord>;

// ---- requests and replies --------------------------------------------------------------------------------------------

export const ReleaseId = z.string().min(1).max(160);
const Who = { by: z.string().min(1).max(200), why: z.string().max(1_000).default('') };

/** The spec as written: the registry says what is wrong with it. */
export const ApplyRequest = z.object({ spec: z.unknown(), by: z.string().min(1).max(200) });
export type ApplyRequest = z.infer<typeof ApplyRequest>;

export const ReleaseQuery = z.object({ id: ReleaseId });
export type ReleaseQuery = z.infer<typeof ReleaseQuery>;
export const ReleaseList = z.object({
  endpoint: EndpointName.optional(),
  active: z.boolean().default(false),
});
export type ReleaseList = z.infer<typeof ReleaseList>;
export const ReleaseOrder = z.object({ id: ReleaseId, ...Who });
export type ReleaseOrder = z.infer<typeof ReleaseOrder>;
export const PromoteOrder = ReleaseOrder.extend({
  arm: ArmName.optional(),
  /** The step that it is meant for, from 0: sent again because its answer was lost, it must not pass the next gate too. */
  step: z.int().min(0).optional(),
});
export type PromoteOrder = z.infer<typeof PromoteOrder>;

export const ReleaseReply = z.object({ release: ReleaseRecord });
export type ReleaseReply = z.infer<typeof ReleaseReply>;
export const ReleasesReply = z.object({
  releases: z.array(ReleaseRecord.omit({ course: true, snapshot: true, last: true })),
});
export type ReleasesReply = z.infer<typeof ReleasesReply>;

/** Pages, for a journal may be longer than a message. */
export const HistoryRequest = z.object({ id: ReleaseId, afterSeq: z.int().min(0).default(0) });
export type HistoryRequest = z.infer<typeof HistoryRequest>;
export const HistoryReply = z.object({
  release: ReleaseRecord,
  entries: z.array(JournalEntry).max(500),
  more: z.boolean(),
});
export type HistoryReply = z.infer<typeof HistoryReply>;

/** Published on `massif.events.release` for every entry of a journal. */
export const ReleaseNotice = z.object({
  release: z.string(),
  endpoint: EndpointName,
  seq: z.int(),
  at: z.iso.datetime(),
  by: z.string(),
  why: z.string(),
  event: z.string(),
  from: ReleaseState,
  to: ReleaseState,
  step: z.int(),
  arms: z.array(PlanArm.omit({ replicas: true })),
});
export type ReleaseNotice = z.infer<typeof ReleaseNotice>;
