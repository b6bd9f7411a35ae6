// What routers and placer are to make true in a state of a release: arms with weights and replicas. Pure; the same for the
// controller that decides and for the replay that checks it.
import { armsTotal } from './arms.js';
import type { PlanArm, ReleaseCourse, ReleasePlan, ReleaseSnapshot } from '../../../contracts/release.js';

/** `before` is the plan that was in force: a rollback changes weights alone and moves no replica. */
export function planArms(
  course: ReleaseCourse,
  { value, context }: ReleaseSnapshot,
  before: readonly PlanArm[],
): PlanArm[] {
  switch (value) {
    case 'draft':
    case 'rolled_back':
    case 'failed':
      return [...course.initial];
    case 'loading':
    case 'warming':
    case 'self_test':
    case 'shadow':
      return [...course.loading];
    case 'step':
      return withoutFailed(course, course.steps[context.step]?.arms ?? course.loading, context.out);
    case 'paused':
      return [...before];
    case 'promoting':
    case 'draining':
      return course.shadow ? [...course.loading] : promoted(course, context.winner);
    case 'aborting':
      return rolledBack(course.initial, before);
    case 'done':
      return course.shadow
        ? withResident([...course.initial], course.resident)
        : withResident(survivors(course, context.winner), course.resident);
  }
}

export function shadowOf(course: ReleaseCourse, { value, context }: ReleaseSnapshot): ReleasePlan['shadow'] {
  const runs = value === 'shadow' || (value === 'paused' && context.pausedIn === 'shadow');
  return runs && course.shadow ? { arm: course.shadow.arm, share: course.shadow.share } : undefined;
}

/** What a failing arm had goes to the control, and nobody else's users move. */
function withoutFailed(
  { control }: ReleaseCourse,
  arms: readonly PlanArm[],
  out: readonly string[],
): PlanArm[] {
  const freed = armsTotal(arms.filter(({ arm }) => out.includes(arm)));
  return arms.map((one) => {
    if (out.includes(one.arm)) return { ...one, weight: 0 };
    return one.arm === control ? { ...one, weight: one.weight + freed } : one;
  });
}

/** Without a winner as the course has it; a winner takes all. */
function promoted({ promoted: arms }: ReleaseCourse, winner: string | undefined): PlanArm[] {
  if (winner === undefined) return [...arms];
  const total = armsTotal(arms);
  return arms.map((one) => ({ ...one, weight: one.arm === winner ? total : 0 }));
}

/** Every arm that is not of the beginning stays loaded for its last requests, with no new ones. */
function rolledBack(initial: readonly PlanArm[], before: readonly PlanArm[]): PlanArm[] {
  const own = new Set(initial.map(({ arm }) => arm));
  return [...initial, ...before.filter(({ arm }) => !own.has(arm)).map((one) => ({ ...one, weight: 0 }))];
}

/** A single survivor takes the name of the arm that it replaces. */
function survivors(course: ReleaseCourse, winner: string | undefined): PlanArm[] {
  const left = promoted(course, winner)
    .filter(({ weight }) => weight > 0)
    .map((one) => ({ ...one, replicas: {} }));
  const [only] = left;
  return left.length === 1 && only ? [{ ...only, arm: course.control }] : left;
}

function withResident(arms: PlanArm[], resident: readonly PlanArm[]): PlanArm[] {
  const have = new Set(arms.map(({ version }) => version));
  return [...arms, ...resident.filter(({ version }) => !have.has(version))];
}
