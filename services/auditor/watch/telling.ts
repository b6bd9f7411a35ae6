// When a verdict that is no longer normal is told: at once when it is worse than what was told last, and again after a while when it goes on.
import { type Verdict, VERDICTS } from '../../../contracts/detection.js';

const AGAIN_MS = 60_000;

export interface ToldBefore {
  readonly last: Verdict | undefined;
  readonly lastMs: number;
}

export function decideTelling(verdict: Verdict, { last, lastMs }: ToldBefore, nowMs: number): boolean {
  const rank = (one: Verdict) => VERDICTS.indexOf(one);
  return last === undefined || rank(verdict) > rank(last) || nowMs - lastMs >= AGAIN_MS;
}
