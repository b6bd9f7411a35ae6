// Says in the log which requests the router refused and why, with an end to it: in an outage every request is refused, and a line
// for each would cost more than the requests did. The door writes, nothing else.
import type { Failure } from '../../contracts/errors.js';
import type { Clock } from '../mesh/clock.js';
import type { Log } from '../mesh/log.js';

const LINES_PER_SECOND = 20;

export class RefusalLog {
  private sinceMs = Number.NEGATIVE_INFINITY;
  private lines = 0;
  private untold = 0;

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly log: Log,
  ) {}

  refused(reason: Failure, fields: Readonly<Record<string, unknown>>): void {
    const now = this.clock.monotonicMs();
    if (now - this.sinceMs >= 1_000) {
      if (this.untold > 0) this.log.warn('router.refused.untold', { count: this.untold });
      this.sinceMs = now;
      this.lines = 0;
      this.untold = 0;
    }
    if (this.lines++ < LINES_PER_SECOND)
      this.log.warn('router.refused', { code: reason.code, message: reason.message, ...fields });
    else this.untold++;
  }
}
