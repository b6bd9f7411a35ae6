// Holds tenants to their quotas, each gateway for itself: requests a second as a token bucket, and requests in flight. A tenant without
// a quota is bounded by the gateway's own limits alone.
import { failure } from '../../../contracts/errors.js';
import type { Quota } from '../../../contracts/identity.js';
import type { Clock } from '../../mesh/clock.js';

interface Use {
  tokens: number;
  filledAtMs: number;
  inFlight: number;
}

const BURST_S = 2;

export class Quotas {
  private readonly uses = new Map<string, Use>();

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {}

  /** Counts one request; call what it returns when that is over. Throws RATE_LIMITED with the time until there is room. */
  enter(tenant: string, { requestsPerS, burst, inFlightMax }: Quota): () => void {
    const nowMs = this.clock.monotonicMs();
    const most = burst ?? Math.max(1, (requestsPerS ?? 0) * BURST_S);
    const use = this.uses.get(tenant) ?? { tokens: most, filledAtMs: nowMs, inFlight: 0 };
    this.uses.set(tenant, use);
    if (inFlightMax !== undefined && use.inFlight >= inFlightMax)
      throw failure('RATE_LIMITED', `${tenant} has ${inFlightMax} requests in flight, its quota.`, {
        tenant,
      });
    if (requestsPerS !== undefined) {
      use.tokens = Math.min(most, use.tokens + ((nowMs - use.filledAtMs) / 1_000) * requestsPerS);
      use.filledAtMs = nowMs;
      if (use.tokens < 1)
        throw failure('RATE_LIMITED', `${tenant} may send ${requestsPerS} requests a second here.`, {
          tenant,
          retryAfterMs: Math.ceil(((1 - use.tokens) / requestsPerS) * 1_000),
        });
      use.tokens--;
    }
    use.inFlight++;
    let left = false;
    return () => {
      if (!left) use.inFlight--;
      left = true;
    };
  }
}
