// Accounts for every request of a drill by its id: nothing may be forgotten, answered wrongly or left hanging.
export interface Entry {
  readonly id: string;
  readonly caller: string;
  readonly startedMs: number;
  state: 'pending' | 'ok' | 'failed';
  endedMs: number;
  attempts: number;
  /** Code of the failure; `WRONG_ANSWER` when an answer came that was not this request's. */
  code: string | undefined;
}

export interface Kill {
  readonly kind: string;
  readonly name: string;
  readonly atMs: number;
  recoveredMs: number;
}

export interface Account {
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  readonly pending: number;
  readonly attempts: number;
  readonly longestMs: number;
  readonly codes: Record<string, number>;
}

export class Ledger {
  private readonly entries = new Map<string, Entry>();
  readonly kills: Kill[] = [];

  open(id: string, caller: string, nowMs: number): Entry {
    if (this.entries.has(id)) throw new Error(`the request id ${id} was given twice`);
    const entry: Entry = {
      id,
      caller,
      startedMs: nowMs,
      state: 'pending',
      endedMs: nowMs,
      attempts: 1,
      code: undefined,
    };
    this.entries.set(id, entry);
    return entry;
  }

  close(entry: Entry, nowMs: number, outcome: { code?: string; attempts?: number }): void {
    if (entry.state !== 'pending') throw new Error(`the request ${entry.id} ended twice`);
    entry.state = outcome.code === undefined ? 'ok' : 'failed';
    entry.code = outcome.code;
    entry.attempts = outcome.attempts ?? 1;
    entry.endedMs = nowMs;
  }

  pending(): number {
    let n = 0;
    for (const entry of this.entries.values()) if (entry.state === 'pending') n++;
    return n;
  }

  account(caller: string): Account {
    const own = [...this.entries.values()].filter((entry) => entry.caller === caller);
    const codes: Record<string, number> = {};
    for (const entry of own) if (entry.code !== undefined) codes[entry.code] = (codes[entry.code] ?? 0) + 1;
    return {
      requests: own.length,
      ok: own.filter((e) => e.state === 'ok').length,
      failed: own.filter((e) => e.state === 'failed').length,
      pending: own.filter((e) => e.state === 'pending').length,
      attempts: own.reduce((sum, e) => sum + e.attempts, 0),
      longestMs: own.reduce((longest, e) => Math.max(longest, e.endedMs - e.startedMs), 0),
      codes,
    };
  }

  /** Requests of a caller that failed and were under way in this time. */
  lostBetween(caller: string, fromMs: number, toMs: number): number {
    return [...this.entries.values()].filter(
      (entry) =>
        entry.caller === caller &&
        entry.state === 'failed' &&
        entry.endedMs >= fromMs &&
        entry.startedMs <= toMs,
    ).length;
  }

  /**
   * Failed requests of a caller by the kind of process whose kill they overlapped with, the first one where several did (a request
   * that timed out may have been lost to the kill before); `none` where no kill explains them.
   */
  lossesByKind(caller: string): Record<string, number> {
    const losses: Record<string, number> = {};
    for (const entry of this.entries.values()) {
      if (entry.caller !== caller || entry.state !== 'failed') continue;
      const kill = this.kills.find((k) => k.atMs <= entry.endedMs && entry.startedMs <= k.recoveredMs);
      const kind = kill?.kind ?? 'none';
      losses[kind] = (losses[kind] ?? 0) + 1;
    }
    return losses;
  }
}
