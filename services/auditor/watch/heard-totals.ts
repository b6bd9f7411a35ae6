// How many answers nobody was told of: reports carry the total of their life, so a gap shows in the next one, also that of the time before this
// auditor began. The watches ask for each report.
import type { ObservationReport } from '../../../contracts/observation.js';

/** Lives that are remembered; the one that was silent longest is forgotten, and would count as unheard from its beginning. */
const LIVES_MAX = 10_000;

export class HeardTotals {
  private readonly totals = new Map<string, number>();

  /** Answers of this life that came neither in this report nor in an earlier one. */
  missedBefore({ life, total, answered }: Pick<ObservationReport, 'life' | 'total' | 'answered'>): number {
    const before = this.totals.get(life) ?? 0;
    this.totals.delete(life);
    this.totals.set(life, Math.max(before, total));
    const [oldest] = this.totals.keys();
    if (this.totals.size > LIVES_MAX && oldest !== undefined) this.totals.delete(oldest);
    return Math.max(0, total - answered - before);
  }
}
