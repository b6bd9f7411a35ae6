// Lets a loop sleep until its next look is due, or until somebody has news for it. News that comes while the loop works is not
// lost, and many pieces of it are one.
import type { Clock } from './clock.js';

export class Wake {
  private news = new AbortController();

  constructor(private readonly clock: Clock) {}

  nudge(): void {
    this.news.abort();
  }

  /** Take it before the look: what happens from then on ends the sleep. */
  mark(): AbortSignal {
    if (this.news.signal.aborted) this.news = new AbortController();
    return this.news.signal;
  }

  /** Returns early on news after the mark, and when the signal aborts. */
  async sleep(ms: number, mark: AbortSignal, signal: AbortSignal): Promise<void> {
    await this.clock.sleep(ms, AbortSignal.any([mark, signal])).catch(() => undefined);
  }
}
