// Answers by request id, for ten minutes: a message that comes twice (a retry whose first answer was lost) has its effect once and
// gets the same answer. Actors lean on it.
import type { Clock } from './clock.js';

const KEPT_MS = 10 * 60_000;
const KEPT_MAX = 10_000;

export class RecentRequests<R> {
  /** In the order they came, so the oldest are first. */
  private readonly answers = new Map<string, { readonly at: number; readonly answer: Promise<R> }>();

  constructor(private readonly clock: Clock) {}

  /** The answer under this id; `make` is asked only for one that is not known. */
  once(requestId: string, make: () => Promise<R>): Promise<R> {
    this.forgetOld();
    const known = this.answers.get(requestId);
    if (known) return known.answer;
    const answer = make();
    this.answers.set(requestId, { at: this.clock.monotonicMs(), answer });
    // A failure had no effect worth keeping: the next try may do better.
    answer.catch(() => this.answers.delete(requestId));
    return answer;
  }

  private forgetOld(): void {
    const now = this.clock.monotonicMs();
    for (const [id, { at }] of this.answers) {
      if (now - at < KEPT_MS && this.answers.size < KEPT_MAX) return;
      this.answers.delete(id);
    }
  }
}
