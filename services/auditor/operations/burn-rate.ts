// Whether an endpoint uses up its error budget too fast: several windows, several rates (Beyer et al., The Site Reliability Workbook, 2018, chapter 5,
// "Multiwindow, Multi-Burn-Rate Alerts"). Pure.
import type { BurnRule, Objective, Objectives } from '../../../contracts/objectives.js';
import type { Outcomes } from './outcome-history.js';

export interface Burning {
  /** Which objective: requests that fail, or answers that come late. */
  readonly of: 'availability' | 'latency';
  readonly rule: BurnRule;
  /** Of the long and the short window: 1 is the pace that uses up the budget in exactly its period. */
  readonly burn: { readonly long: number; readonly short: number };
  readonly long: Outcomes;
}

/** The first rule that holds for each objective; rules stand with the most urgent first. */
export function decideBurning(
  within: (windowMs: number) => Outcomes,
  { availability, latency }: Objective,
  { burn: rules, badMin }: Pick<Objectives, 'burn' | 'badMin'>,
): Burning[] {
  const kinds = [
    {
      of: 'availability',
      share: availability,
      bad: ({ bad }: Outcomes) => bad,
      all: ({ total }: Outcomes) => total,
    },
    ...(latency
      ? [
          {
            of: 'latency',
            share: latency.share,
            bad: ({ slow }: Outcomes) => slow,
            all: ({ total, bad }: Outcomes) => total - bad,
          } as const,
        ]
      : []),
  ] as const;
  return kinds.flatMap(({ of, share, bad, all }) => {
    // An objective of 1 - b with a share e of bad requests burns at e / b.
    const rate = (outcomes: Outcomes) =>
      all(outcomes) === 0 ? 0 : bad(outcomes) / all(outcomes) / (1 - share);
    for (const rule of rules) {
      const [long, short] = [within(rule.longS * 1_000), within(rule.shortS * 1_000)];
      const burn = { long: rate(long), short: rate(short) };
      if (burn.long >= rule.burn && burn.short >= rule.burn && bad(long) >= badMin)
        return [{ of, rule, burn, long }];
    }
    return [];
  });
}
