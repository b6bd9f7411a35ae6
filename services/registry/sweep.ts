// Which artifacts may go: those that no version refers to (one whose files were given up does not) and that nobody touched for as long as an upload lives. The record says
// which ones are going right now, so that a push which counted on one of them notices (push.ts) instead of losing it.
import { z } from 'zod';
import { Digest } from '../../contracts/names.js';
import { UPLOAD_TTL_MS } from '../../contracts/buckets.js';
import type { VersionRecord } from '../../contracts/registry.js';

export const SWEEP_KEY = 'sweep';
// The record travels to every mirror; what is left over goes with the next sweep.
export const SWEEP_DIGESTS_MAX = 500;

export const SweepRecord = z.object({ digests: z.array(Digest).max(SWEEP_DIGESTS_MAX), done: z.boolean() });
export type SweepRecord = z.infer<typeof SweepRecord>;

export interface StoredArtifact {
  readonly digest: Digest;
  readonly touchedMs: number;
}

export function referencedBy(versions: Iterable<VersionRecord>): Set<Digest> {
  const digests = new Set<Digest>();
  for (const { resources, collectedAt } of versions)
    if (collectedAt === undefined) for (const { digest } of resources) digests.add(digest);
  return digests;
}

export function sweepable(
  stored: Iterable<StoredArtifact>,
  referenced: ReadonlySet<Digest>,
  nowMs: number,
): Digest[] {
  const going: Digest[] = [];
  for (const { digest, touchedMs } of stored)
    if (!referenced.has(digest) && nowMs - touchedMs >= UPLOAD_TTL_MS) going.push(digest);
  return going.slice(0, SWEEP_DIGESTS_MAX);
}

/** What a push may do about a sweep that ran since it began: nothing happened, look again whether all is there, or come later. */
export function sweepSince(
  sweep: { readonly record: SweepRecord; readonly revision: number } | undefined,
  sinceRevision: number,
  digests: Iterable<Digest>,
): 'none' | 'look again' | 'in the way' {
  if (!sweep) return 'none';
  const going = new Set(sweep.record.digests);
  if (!sweep.record.done && [...digests].some((digest) => going.has(digest))) return 'in the way';
  return sweep.revision > sinceRevision ? 'look again' : 'none';
}
