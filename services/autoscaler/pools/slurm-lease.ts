// What a Slurm job is to the keeper of pools, and when its time limit is moved: pure.
import type { PoolNode } from './compute-pool.js';
import type { SlurmJob } from './slurm-commands.js';

/** Of a job's time: below the first it is prolonged, below the second another is to take its place. */
const PROLONG_BELOW = 0.5;
const REPLACE_BELOW = 0.25;
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

/** The limit it should have from its beginning, in minutes; undefined while the one it has is enough, or it is to go. */
export function leaseOf(
  { state, host, ranS, leftS }: SlurmJob,
  toLeave: ReadonlySet<string>,
  leaseMinutes: number,
): number | undefined {
  if (state !== 'RUNNING' || toLeave.has(host) || leftS >= leaseMinutes * 60 * PROLONG_BELOW)
    return undefined;
  return Math.ceil(ranS / 60) + leaseMinutes;
}
