// Replica by replica: one region at a time gets the next replicas of the new version, then the new share of the traffic is held
// everywhere, and the old replicas give way. Pure. The last old replica of a region stays until the release is over, so that going
// back is a change of weights at every moment.
import { failure } from '../../../contracts/errors.js';
import type { CourseStep, PlanArm, ReleaseCourse } from '../../../contracts/release.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { type Arms, type CourseInputs, NEXT, type Of } from './course-arms.js';

export function rollingCourse(
  { maxSurge, maxUnavailable, minMs, maxMs }: Of<'rolling'>,
  arms: Arms,
  stable: PlanArm,
  { endpoint, regions }: CourseInputs,
  judged: boolean,
): Pick<ReleaseCourse, 'loading' | 'steps' | 'promoted'> {
  const replicas = endpoint.replicasPerRegion;
  if (maxSurge + maxUnavailable === 0)
    throw failure(
      'BAD_REQUEST',
      'With maxSurge 0 and maxUnavailable 0 no replica could ever change: raise one.',
    );
  if (maxUnavailable >= replicas)
    throw failure(
      'BAD_REQUEST',
      `With maxUnavailable ${maxUnavailable} of ${replicas} replicas nobody would answer: it must be lower.`,
    );
  if (minMs >= maxMs)
    throw failure('BAD_REQUEST', `maxMs must be above minMs: ${maxMs} is not above ${minMs}.`);
  const batch = Math.min(replicas, maxSurge + maxUnavailable);

  /** `count` new replicas in the first `done` regions, as many as before in the others. */
  const stage = (count: number, before: number, done: number, weight: number): PlanArm[] => {
    const here = (region: number): number => (region < done ? count : before);
    const old = (region: number): number =>
      here(region) === 0 ? replicas : Math.max(1, Math.min(replicas, replicas + maxSurge - here(region)));
    const counts = (of: (region: number) => number) =>
      Object.fromEntries(regions.map((region, index) => [region, of(index)]));
    return arms(NEXT, WEIGHT_TOTAL - weight, weight).map((one) => {
      if (one.arm === NEXT) return { ...one, replicas: counts(here) };
      return one.arm === stable.arm ? { ...one, replicas: counts(old) } : one;
    });
  };
  const share = (count: number): number => Math.floor((WEIGHT_TOTAL * count) / replicas);

  const steps: CourseStep[] = [];
  let last = 0;
  for (let count = batch; ; count = Math.min(replicas, count + batch)) {
    for (let done = 1; done <= regions.length; done++)
      if (count > batch || done > 1)
        steps.push({
          arms: stage(count, last, done, share(last)),
          gate: 'placed',
          minMs: 0,
          pauseAfter: false,
        });
    if (count === replicas) break;
    steps.push({
      arms: stage(count, count, regions.length, share(count)),
      gate: judged ? 'analysis' : 'time',
      minMs,
      maxMs,
      pauseAfter: false,
    });
    last = count;
  }
  return {
    loading: stage(batch, 0, 1, 0),
    steps,
    promoted: stage(replicas, replicas, regions.length, WEIGHT_TOTAL),
  };
}
