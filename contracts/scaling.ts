// How an endpoint wants to be scaled, what the autoscaler decided and why, and who waits for an endpoint that sleeps.
import { z } from 'zod';
import { TenantName } from './identity.js';
import { DeviceNeeds, Precedence } from './job-terms.js';
import { EndpointName, InstanceName, RegionName } from './names.js';
import { ScheduleRecord } from './scheduling.js';

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day looks like 07:30');

/** Between these times (UTC) other bounds count. Where `to` is not after `from` it goes on past midnight. */
export const ScalingSchedule = z.strictObject({
  /** 0 is Sunday; every day when absent. The day is that of the beginning. */
  days: z.array(z.int().min(0).max(6)).min(1).max(7).optional(),
  from: TimeOfDay,
  to: TimeOfDay,
  minReplicas: z.int().min(0).max(1_000).optional(),
  maxReplicas: z.int().min(1).max(10_000).optional(),
});
export type ScalingSchedule = z.infer<typeof ScalingSchedule>;

/** A number of the operator's own, published as text or as JSON `{"value": 12}`; so many of it are one replica's work. */
export const ScalingMetric = z.strictObject({
  subject: z
    .string()
    .max(200)
    .regex(
      /^(?!massif\.)[\w-]+(\.[\w-]+)*$/,
      'a plain subject of your own, without wildcards, not of massif',
    ),
  perReplica: z.number().positive(),
});
export type ScalingMetric = z.infer<typeof ScalingMetric>;

export const ScalingPolicy = z
  .strictObject({
    /** 0 lets the endpoint sleep when nobody has asked for `idleMs`. */
    minReplicas: z.int().min(0).max(1_000).default(1),
    maxReplicas: z.int().min(1).max(10_000).default(100),
    /** The objective: an answer within so many times what the request takes alone ... */
    slowdownMax: z.number().min(1.1).max(1_000).default(5),
    /** ... for all but this share of the requests. */
    violationShare: z.number().min(0.000_01).max(0.2).default(0.01),
    /** What a fresh endpoint begins with, before anybody asked: 0 registers it asleep. `replicasPerRegion` when not given. */
    initialReplicas: z.int().min(0).max(1_000).optional(),
    idleMs: z.int().min(1_000).max(86_400_000).default(300_000),
    /** So many in each region, whatever comes, until it is taken away. */
    pin: z.int().min(0).max(10_000).optional(),
    /** The first that is in force counts. */
    schedules: z.array(ScalingSchedule).max(16).optional(),
    metric: ScalingMetric.optional(),
    /** Most that its nodes from pools may cost an hour; it comes before the minimum and before a pin. */
    budgetPerHour: z.number().min(0).max(1_000_000_000).optional(),
    /** Of the devices that its replicas run on; `placement.devices` of the endpoint counts as well. */
    needs: DeviceNeeds.optional(),
    /** A pool whose nodes take longer to be there is no help to it. */
    startMsMax: z.int().min(1).max(86_400_000).optional(),
    /** Who of the endpoints gets a node first; all of them come before jobs. */
    priority: Precedence.optional(),
    /** Whose it is, for the fair share of devices. */
    tenant: TenantName.optional(),
    /** Decides and explains, and changes nothing. */
    dryRun: z.boolean().optional(),
  })
  .refine(({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas, {
    error: 'minReplicas is above maxReplicas: swap them, or raise the maximum',
    path: ['minReplicas'],
  });
export type ScalingPolicy = z.infer<typeof ScalingPolicy>;

/** What the autoscaler wants of an endpoint, by region. Written by the leading one alone, fenced by its epoch. */
export const WantedRecord = z.object({
  endpoint: EndpointName,
  epoch: z.int().min(0),
  regions: z.record(RegionName, z.int().min(0).max(10_000)),
});
export type WantedRecord = z.infer<typeof WantedRecord>;

/** What the days of an endpoint look like in a region, kept by the leading autoscaler for the one after it. Rates are arrivals a second. */
export const ForecastRecord = z.object({
  endpoint: EndpointName,
  region: RegionName,
  epoch: z.int().min(0),
  /** The last one that was learned, since 1970. */
  minute: z.int().min(0),
  level: z.number(),
  trend: z.number(),
  error: z.number().min(0),
  /** What each minute of the day (UTC) adds; empty until a day was seen. */
  season: z.array(z.number()).max(1_440),
  /** Of the day that is not over. */
  firstDay: z.array(z.number()).max(1_440),
});
export type ForecastRecord = z.infer<typeof ForecastRecord>;

/** Told at once when the first request waits at a sleeping endpoint, a few times a second while some do, and when none does. */
export const WaitingNotice = z.object({
  /** One life of one process. */
  source: z.string().min(1).max(64),
  region: RegionName,
  endpoint: EndpointName,
  waiting: z.int().min(0),
});
export type WaitingNotice = z.infer<typeof WaitingNotice>;
export const WAITING_EVERY_MS = 250;
/** Older than this, who told of it is gone. */
export const WAITING_STALE_MS = 1_500;

export const ScalingQuery = z.object({ endpoint: EndpointName.optional() });
export type ScalingQuery = z.infer<typeof ScalingQuery>;

export const RegionScaling = z.object({
  region: RegionName,
  /** What is written down; undefined before the first decision, and in a dry run. */
  wanted: z.int().min(0).optional(),
  /** What the last look came to. */
  decided: z.int().min(0),
  ready: z.int().min(0),
  loading: z.int().min(0),
  waiting: z.int().min(0),
  inFlight: z.int().min(0),
  /** Arrivals a second over the last ten seconds. */
  perSecond: z.number().min(0),
  serviceMs: z.number().min(0),
  /** Requests a replica serves at once, by the curve that its engine learned. */
  slots: z.number().min(0),
  startMs: z.number().min(0),
  mode: z.enum(['idle', 'steady', 'bursty', 'pinned', 'held']),
  parts: z.record(z.string(), z.number()),
  why: z.string(),
  /** What changed the policy's number before it was written, in order. */
  bounds: z.array(z.string()),
  /** Newest last. */
  changes: z.array(
    z.object({ at: z.iso.datetime(), from: z.int().min(0), to: z.int().min(0), why: z.string() }),
  ),
});
export type RegionScaling = z.infer<typeof RegionScaling>;

export const EndpointScaling = z.object({
  endpoint: EndpointName,
  policy: ScalingPolicy,
  regions: z.array(RegionScaling),
});
export type EndpointScaling = z.infer<typeof EndpointScaling>;

/** Any autoscaler answers: all of them look and decide, and the leading one writes. */
export const ScalingReply = z.object({
  instance: InstanceName,
  leading: z.boolean(),
  endpoints: z.array(EndpointScaling),
  /** Pools and jobs as the leading autoscaler last wrote them down; absent where no pool was ever given. */
  schedule: ScheduleRecord.optional(),
});
export type ScalingReply = z.infer<typeof ScalingReply>;

/** To the registry: how the endpoint is scaled from now on; null takes it away. */
export const ScaleRequest = z.object({ endpoint: EndpointName, scaling: ScalingPolicy.nullable() });
export type ScaleRequest = z.infer<typeof ScaleRequest>;
