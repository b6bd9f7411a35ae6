// Which archived versions need not keep their files any more. Pure. A version that an endpoint, an alias or a release that goes on
// names anywhere is needed, so what a release could go back to is never among them.
import type { Digest } from '../../../contracts/names.js';
import type { EndpointRecord, VersionRecord } from '../../../contracts/registry.js';
import type { ReleaseRecord } from '../../../contracts/release.js';

export interface Needs {
  readonly endpoints: Iterable<EndpointRecord>;
  /** Of all models, whatever they are called. */
  readonly aliases: Iterable<Digest>;
  /** Releases that go on. */
  readonly releases: Iterable<ReleaseRecord>;
}

export function neededBy({ endpoints, aliases, releases }: Needs): Set<Digest> {
  const needed = new Set<Digest>(aliases);
  for (const { variants } of endpoints) for (const { version } of variants) needed.add(version);
  for (const release of releases) for (const version of versionsOf(release)) needed.add(version);
  return needed;
}

export function collectable(
  versions: Iterable<VersionRecord>,
  needed: ReadonlySet<Digest>,
  { nowMs, afterMs }: { readonly nowMs: number; readonly afterMs: number },
): VersionRecord[] {
  return [...versions].filter(
    (record) =>
      record.state === 'archived' &&
      record.collectedAt === undefined &&
      !needed.has(record.digest) &&
      nowMs - archivedMs(record) >= afterMs,
  );
}

/** All that the release may serve on any of its ways: forwards, back, and what stays loaded afterwards. */
export function versionsOf({ course, plan }: Pick<ReleaseRecord, 'course' | 'plan'>): Set<Digest> {
  const arms = [
    ...course.initial,
    ...course.loading,
    ...course.steps.flatMap((step) => step.arms),
    ...course.promoted,
    ...course.resident,
    ...plan.arms,
  ];
  const { stable, previous } = course.aliases ?? {};
  const named = [stable, previous].filter((digest) => digest !== undefined);
  return new Set([...arms.map(({ version }) => version), ...named]);
}

const archivedMs = ({ moves, createdAt }: VersionRecord): number =>
  Date.parse(moves.findLast(({ to }) => to === 'archived')?.at ?? createdAt);
