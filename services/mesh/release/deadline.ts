// How long a state of a release lasts at most. The moment is written into the record, so a restarted controller goes on with the
// same one: machines' own timers do not survive a restore.
import type { ReleaseCourse, ReleaseSnapshot, ReleaseSpec } from '../../../contracts/release.js';

/** Undefined: only a person, or the guard over the whole release, ends it. */
export function deadlineMs(
  { deadlines }: ReleaseSpec,
  course: ReleaseCourse,
  { value, context }: ReleaseSnapshot,
): number | undefined {
  const step = course.steps[context.step];
  switch (value) {
    case 'loading':
      return deadlines.loadingMs;
    case 'warming':
      return deadlines.warmingMs;
    case 'self_test':
      return deadlines.selfTestMs;
    case 'shadow':
      return course.shadow?.maxMs;
    case 'step':
      // A replica is loaded, warmed and tested in such a step.
      if (step?.gate === 'placed') return deadlines.loadingMs + deadlines.warmingMs;
      return step?.gate === 'time' ? step.minMs : step?.maxMs;
    case 'paused':
      return context.held === 'inconclusive' ? course.holdMs : undefined;
    case 'draining':
      return course.keepOldMs + deadlines.drainingMs;
    case 'aborting':
      return deadlines.drainingMs;
    case 'draft':
    case 'promoting':
    case 'done':
    case 'rolled_back':
    case 'failed':
      return undefined;
  }
}
