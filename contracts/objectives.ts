// What operators expect of endpoints and of the mesh, and how long something may be amiss before a person hears of it. Part of the file that
// MASSIF_ALERTS names; the auditor's operational watch goes by it.
import { z } from 'zod';
import { EndpointName } from './names.js';

const Seconds = z
  .number()
  .min(1)
  .max(30 * 86_400);
const Share = z.number().gt(0).lt(1);

const Latency = z.strictObject({ ms: z.number().min(0.5).max(10_000), share: Share });

export const Objective = z.strictObject({
  /** Share of the requests that the mesh does not fail (status below 500). */
  availability: Share.default(0.999),
  /** Share of the good answers within so many ms; read at the edge of the doors' histogram above it. Absent: not watched. */
  latency: Latency.optional(),
});
export type Objective = z.infer<typeof Objective>;

/**
 * One rule of several windows (Google SRE Workbook, chapter 5): it holds while both the long and the short window burn the error budget
 * at `burn` times the pace that would use it up in the period of the objective.
 */
export const BurnRule = z.strictObject({
  longS: Seconds,
  shortS: Seconds,
  burn: z.number().positive(),
  severity: z.enum(['warning', 'critical']),
});
export type BurnRule = z.infer<typeof BurnRule>;

/** The workbook's own: 2 % of a month's budget in an hour, 5 % in six, 10 % in one day and in three. */
const WORKBOOK: BurnRule[] = [
  { longS: 3_600, shortS: 300, burn: 14.4, severity: 'critical' },
  { longS: 21_600, shortS: 1_800, burn: 6, severity: 'critical' },
  { longS: 86_400, shortS: 7_200, burn: 3, severity: 'warning' },
  { longS: 259_200, shortS: 21_600, burn: 1, severity: 'warning' },
];

export const Objectives = z.strictObject({
  endpoints: z
    .record(EndpointName, z.strictObject({ availability: Share.optional(), latency: Latency.optional() }))
    .default({}),
  /** Of endpoints that are not named. */
  every: Objective.prefault({}),
  burn: z.array(BurnRule).min(1).max(8).default(WORKBOOK),
  /** Fewer bad requests than this in the long window wake nobody: a rate needs something to be made of. */
  badMin: z.int().min(1).default(10),
  /** How often the watch looks; doors, disks, releases and jobs are asked at every third look. */
  lookS: Seconds.default(5),
  /** A replica that is not there, or failed. */
  replicaMissingS: Seconds.default(30),
  /** A shard that said nothing. */
  shardSilentS: Seconds.default(10),
  /** A region none of whose processes answers. */
  regionSilentS: Seconds.default(20),
  /** A release beyond the time that its state may take. */
  releaseOverdueS: Seconds.default(120),
  /** A release that waits for a person. */
  releasePausedS: Seconds.default(3_600),
  /** A job that works and tells of no progress; one that nobody began. */
  jobStuckS: Seconds.default(900),
  jobQueuedS: Seconds.default(3_600),
  /** Free share of a disk: below the first a warning, below the second critical. */
  diskFree: z.strictObject({ warning: Share.default(0.1), critical: Share.default(0.05) }).prefault({}),
});
export type Objectives = z.infer<typeof Objectives>;
