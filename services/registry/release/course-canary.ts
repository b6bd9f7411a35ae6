// The steps of a canary: its share grows, and beside it a baseline of the same size runs the old version, so that the two meet the
// same hours and the same kind of requests. Pure.
import { failure } from '../../../contracts/errors.js';
import type { CourseStep, PlanArm } from '../../../contracts/release.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import { type Arms, BASELINE, CANARY, type Of } from './course-arms.js';

export function canarySteps(canary: Of<'canary'>, arms: Arms, stable: PlanArm): CourseStep[] {
  let before = 0;
  return canary.steps.map(({ weight, minMs, maxMs, pause }) => {
    if (weight <= before)
      throw failure('BAD_REQUEST', `The steps of a canary grow: ${weight} comes after ${before}.`);
    if (maxMs <= minMs)
      throw failure('BAD_REQUEST', `A step's maxMs must be above its minMs: ${maxMs} is not above ${minMs}.`);
    before = weight;
    const baseline = canary.baseline === 'fresh' ? Math.min(weight, WEIGHT_TOTAL - weight) : 0;
    const [served, ...others] = arms(CANARY, WEIGHT_TOTAL - weight - baseline, weight);
    const fresh: PlanArm[] = baseline > 0 ? [{ ...stable, arm: BASELINE, weight: baseline }] : [];
    return {
      arms: [...(served ? [served] : []), ...fresh, ...others],
      // With all traffic on the canary nobody is left to compare it with.
      gate: weight === WEIGHT_TOTAL ? 'time' : 'analysis',
      minMs,
      maxMs,
      pauseAfter: pause,
    };
  });
}
