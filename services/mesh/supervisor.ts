// What to do with an actor that crashed: one-for-one restarts with back-off, and when it crashes too often in a short time, up
// goes the matter to whoever started it. Pure in time and chance; actors ask.
import { backoffMs, RESTART_BACKOFF } from './backoff.js';
import type { Random } from './random.js';

export type Verdict =
  | { readonly kind: 'restart'; readonly afterMs: number }
  | { readonly kind: 'escalate'; readonly crashes: number };

/** The fourth crash within a minute is no accident any more. */
const RESTARTS_MAX = 3;
const WITHIN_MS = 60_000;

export class Supervisor {
  private crashes: number[] = [];

  constructor(private readonly random: Random) {}

  crashed(nowMs: number): Verdict {
    this.crashes = this.crashes.filter((at) => nowMs - at < WITHIN_MS);
    this.crashes.push(nowMs);
    const { length } = this.crashes;
    if (length > RESTARTS_MAX) return { kind: 'escalate', crashes: length };
    return { kind: 'restart', afterMs: backoffMs(length - 1, RESTART_BACKOFF, this.random) };
  }
}
