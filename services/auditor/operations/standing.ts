// Which findings are told now, and which are over: keeps since when each is so. The watch gives it what it found at each look.
import type { Alert } from '../../../contracts/alert.js';
import type { Finding } from './findings.js';

/** What goes on is said again this often, so that the alert does not grow old. */
const AGAIN_MS = 60_000;

export interface Changes {
  readonly raise: readonly Finding[];
  readonly over: readonly Pick<Alert, 'kind' | 'about'>[];
}

interface Standing {
  readonly finding: Finding;
  readonly sinceMs: number;
  raisedMs: number | undefined;
}

export class StandingFindings {
  private standing = new Map<string, Standing>();

  /** `open`: alerts of an earlier life that are not over; what is not found any more of their kinds is. */
  take(found: readonly Finding[], open: readonly Pick<Alert, 'kind' | 'about'>[], nowMs: number): Changes {
    const next = new Map<string, Standing>();
    const raise: Finding[] = [];
    for (const finding of found) {
      const key = keyOf(finding);
      const before = this.standing.get(key);
      const sinceMs = before?.sinceMs ?? nowMs;
      let raisedMs = before?.raisedMs;
      const worse = before !== undefined && before.finding.severity !== finding.severity;
      if (
        nowMs - sinceMs >= finding.afterS * 1_000 &&
        (raisedMs === undefined || worse || nowMs - raisedMs >= AGAIN_MS)
      ) {
        raise.push(finding);
        raisedMs = nowMs;
      }
      next.set(key, { finding, sinceMs, raisedMs });
    }
    this.standing = next;
    return { raise, over: open.filter((alert) => !next.has(keyOf(alert))) };
  }
}

const keyOf = ({ kind, about }: Pick<Alert, 'kind' | 'about'>): string => `${kind}\n${about}`;
