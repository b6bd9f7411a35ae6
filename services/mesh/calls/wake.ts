// Lets a loop sleep until its next look is due, or until somebody has news for it. News that comes while the loop works is not
// lost, and many pieces of it are one.
import type { Clock } from '../clock.js';

export class Wake {
  private news = 0;
  private readonly sleepers = new Set<() => void>();

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Called for every write of a bucket: mostly nobody sleeps, and then it costs nothing. */
  nudge(): void {
    this.news++;
    for (const wake of this.sleepers) wake();
  }

  /** Take it before the look: what happens from then on ends the sleep. */
  mark(): number {
    return this.news;
  }

  /** Returns early on news after the mark, and when the signal aborts. */
  async sleep(ms: number, mark: number, signal: AbortSignal): Promise<void> {
    if (mark !== this.news || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener('abort', wake);
        this.sleepers.delete(wake);
        resolve();
      };
      const cancel = this.clock.after(ms, wake);
      signal.addEventListener('abort', wake);
      this.sleepers.add(wake);
    });
  }
}
