// What every check of a verdict is given, and how its result is written down.
import type { Analysis, Check, JudgeMemory } from '../../../contracts/analysis.js';
import type { Stratum } from './strata.js';

export interface CheckContext {
  readonly arm: string;
  readonly baseline: string;
  readonly analysis: Analysis;
  readonly strata: readonly Stratum[];
  /** Of the guard: the release's alpha, shared among metrics and candidates. */
  readonly alpha: number;
  /** Enough requests of the candidate for a verdict for the worse. */
  readonly mayFail: boolean;
  readonly slow: JudgeMemory['slow'];
}

export interface Finding {
  readonly name: string;
  readonly lnE: number;
  readonly why: string;
  readonly numbers: Record<string, number>;
}

/** Harm is shown once the evidence reaches 1/alpha; `enough` are the minimums below which nobody is rolled back. */
export function guard(context: CheckContext, { name, lnE, why, numbers }: Finding, enough = true): Check {
  const threshold = Math.log(1 / context.alpha);
  const reached = lnE >= threshold;
  const failed = reached && enough && context.mayFail;
  return {
    role: 'guard',
    arm: context.arm,
    name,
    result: failed ? 'fail' : reached ? 'inconclusive' : 'pass',
    why: failed
      ? `worse than the baseline: ${why}`
      : reached
        ? `looks worse, too few calls yet: ${why}`
        : why,
    lnE,
    threshold,
    numbers,
  };
}

/** All gates must open, so none needs a share of alpha of its own: wrong ones would all have to be wrong. */
export function gate({ arm, analysis }: CheckContext, { name, lnE, why, numbers }: Finding): Check {
  const threshold = Math.log(1 / analysis.alpha);
  const result = lnE >= threshold ? 'pass' : 'inconclusive';
  return { role: 'gate', arm, name, result, why, lnE, threshold, numbers };
}

/** Nothing was measured that could be judged. */
export function noData({ arm }: CheckContext, name: string, what: string): Check[] {
  const why = `no verdict without ${what}`;
  return [
    { role: 'guard', arm, name, result: 'inconclusive', why, numbers: {} },
    { role: 'gate', arm, name, result: 'inconclusive', why, numbers: {} },
  ];
}

export const round = (value: number, digits = 3): number => Number(value.toPrecision(digits));
export const percent = (part: number, whole: number): string =>
  whole === 0 ? 'none' : `${round((100 * part) / whole)} %`;
