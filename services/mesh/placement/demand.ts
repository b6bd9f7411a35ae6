// How many requests a second come to each endpoint in each region: where callers are, not where they are answered. Made of what
// routers, gateways and clients report four times a second; the placer asks, and `massif place`.
import { z } from 'zod';
import { ArmReport, EvidenceReport } from '../../../contracts/evidence.js';

/** A burst shorter than this moves no model. */
export const DEMAND_WINDOW_MS = 300_000;
// Its totals begin at zero when it comes back.
const FORGET_MS = 10 * 60_000;

/** The rest of a report would be parsed in vain, four times a second for everybody who calls. */
const Calls = EvidenceReport.pick({ source: true, region: true, endpoint: true, epoch: true }).extend({
  arms: z.array(ArmReport.pick({ requests: true })),
});
type Calls = z.infer<typeof Calls>;

/** What an evidence message says of calls; undefined where it is none. */
export function readCalls(text: string): Calls | undefined {
  try {
    return Calls.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

interface Rate {
  readonly sinceMs: number;
  perMs: number;
  atMs: number;
}

export class Demand {
  private readonly totals = new Map<string, { requests: number; atMs: number }>();
  private readonly rates = new Map<string, Rate>();

  heard({ source, region, endpoint, epoch, arms }: Calls, nowMs: number): void {
    const requests = arms.reduce((sum, arm) => sum + arm.requests, 0);
    const key = `${source} ${endpoint} ${epoch}`;
    const before = this.totals.get(key);
    this.totals.set(key, { requests, atMs: nowMs });
    const rate = this.rates.get(`${endpoint} ${region}`) ?? { sinceMs: nowMs, perMs: 0, atMs: nowMs };
    this.rates.set(`${endpoint} ${region}`, rate);
    // What was counted before we listened was spread over a time that we do not know.
    if (!before) return this.forget(nowMs);
    fade(rate, nowMs);
    rate.perMs += Math.max(0, requests - before.requests) / DEMAND_WINDOW_MS;
  }

  /** Requests a second, an exponential average; 0 where nobody was heard. */
  ratePerS(endpoint: string, region: string, nowMs: number): number {
    const rate = this.rates.get(`${endpoint} ${region}`);
    if (!rate) return 0;
    fade(rate, nowMs);
    // An average over less than the window is made of what there is.
    const covered = 1 - Math.exp(-(nowMs - rate.sinceMs) / DEMAND_WINDOW_MS);
    return covered > 0 ? (1_000 * rate.perMs) / covered : 0;
  }

  private forget(nowMs: number): void {
    for (const [key, { atMs }] of this.totals) if (nowMs - atMs > FORGET_MS) this.totals.delete(key);
    for (const [key, { atMs }] of this.rates) if (nowMs - atMs > FORGET_MS) this.rates.delete(key);
  }
}

function fade(rate: Rate, nowMs: number): void {
  rate.perMs *= Math.exp(-(nowMs - rate.atMs) / DEMAND_WINDOW_MS);
  rate.atMs = nowMs;
}
