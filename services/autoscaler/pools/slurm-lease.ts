// What a Slurm job is to the keeper of pools, and when its time limit is moved: pure.
import type { PoolNode } from './compute-pool.js';
import type { SlurmJob } from './slurm-commands.js';

/** Of a job's time: below the first it is prolonged, below the second another is to take its place. */
const PROLONG_BELOW = 0.5;
const REPLACE_BELOW = 0.25;
/** Slurm asks the shard host to drain so long before it kills it; less of a short lease. */
const WARN_S = 30;
/** sbatch's manual, --signal: "due to the resolution of event handling" it may be sent so much earlier than was asked. */
const EARLY_S = 60;
const QUEUED = new Set(['PENDING', 'CONFIGURING', 'REQUEUED']);
/** It would wait for ever: as good as one that never came. */
const NEVER =
  /held|BadConstraints|NeverSatisfied|TimeLimit|NodeLimit|AssocGrp|AssocMax|QOSMax|InvalidQOS|InvalidAccount/i;

export function nodeOf(
  { name, state, reason, host, leftS }: SlurmJob,
  toLeave: ReadonlySet<string>,
  leaseMinutes: number,
): PoolNode {
  if (QUEUED.has(state)) return { name, state: NEVER.test(reason) ? 'there' : 'queued' };
  const ending = toLeave.has(host) || leftS < leaseMinutes * 60 * REPLACE_BELOW;
  return { name, state: ending ? 'ending' : 'there' };
}

/** Seconds before its end at which a job is to be asked to end. */
export const warnS = (leaseMinutes: number): number => Math.min(WARN_S, leaseMinutes * 7);

/** The limit it should have from its beginning, in minutes; undefined while the one it has is enough, or it is to go. */
export function leaseOf(
  { state, host, ranS, leftS }: SlurmJob,
  toLeave: ReadonlySet<string>,
  leaseMinutes: number,
): number | undefined {
  const askedFromS = warnS(leaseMinutes) + EARLY_S;
  const belowS = Math.max(leaseMinutes * 60 * PROLONG_BELOW, askedFromS);
  if (state !== 'RUNNING' || toLeave.has(host) || leftS >= belowS) return undefined;
  return Math.ceil((ranS + askedFromS) / 60) + leaseMinutes;
}
