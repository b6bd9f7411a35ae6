// Where the aliases `stable` and `previous` of a model belong in a state of a release, and which release may move them. Pure.
import type { ReleaseCourse, ReleaseRecord } from '../../../contracts/release.js';

/**
 * Undefined: none is touched. An alias that is absent inside is taken away. Nothing leaves the states in which they move before they
 * did, so a release that has ended has no word in them any more: people may have moved them since.
 */
export function aliasesOf({ course, state, plan }: ReleaseRecord): ReleaseCourse['aliases'] {
  if (!course.aliases) return undefined;
  const [serving, ...others] = plan.arms.filter(({ weight }) => weight > 0);
  const before = course.initial.find(({ arm }) => arm === course.control)?.version;
  if (state === 'aborting') return course.aliases;
  if (state !== 'promoting' && state !== 'draining') return undefined;
  // Several that serve side by side: none of them is the stable one.
  if (!serving || others.length > 0 || before === undefined) return undefined;
  return { stable: serving.version, previous: before };
}

/**
 * An endpoint's release must not rename what others call stable: it moves the aliases where it replaces the version they name, and
 * where no other release that goes on moves them already. Two that did would wait for each other for ever, each putting them back.
 */
export function movesAliases(
  model: string,
  course: ReleaseCourse,
  aliases: NonNullable<ReleaseCourse['aliases']>,
  active: readonly ReleaseRecord[],
): boolean {
  if (course.shadow !== undefined) return false;
  if (active.some((other) => other.model === model && other.course.aliases !== undefined)) return false;
  const serving = course.initial.find(({ arm }) => arm === course.control);
  return aliases.stable === undefined || aliases.stable === serving?.version;
}
