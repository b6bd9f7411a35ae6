// Small things that hold for the arms of any plan; compiling, planning and checking a release all need them.
import type { PlanArm } from '../../../contracts/release.js';
import { WEIGHT_TOTAL } from '../../../contracts/traffic.js';
import assert from 'node:assert';

export const armsTotal = (arms: readonly PlanArm[]): number =>
  arms.reduce((sum, { weight }) => sum + weight, 0);

/** Label and share, as people read them: `v1 90 %, v2 10 %`. */
export const sharesText = (arms: readonly PlanArm[]): string =>
  arms
    .filter(({ weight }) => weight > 0)
    .map(({ label, arm, weight }) => `${arm === label ? label : `${label} (${arm})`} ${weight / 100} %`)
    .join(', ');

/** The promise of every plan, held against mistakes of ours before anything is written. */
export function assertSum(arms: readonly PlanArm[]): void {
  assert(armsTotal(arms) === WEIGHT_TOTAL, `a plan's weights add up to ${armsTotal(arms)}`);
}
