// When a second attempt goes out beside the first: after a fixed time, or after the 95th percentile of the endpoint's own latencies,
// which a slow replica of several does not move. Counted in bins an eighth apart, old counts halved now and then. Router and
// dispatcher keep one for each endpoint that asks for it; time comes in with the latencies.

export type HedgeAfter = number | 'auto';

const BINS = 128;
const PER_DOUBLING = 6;
const LEAST_MS = 0.05;
const QUANTILE = 0.95;
/** Before so many answers nobody knows what is late. */
const SEEN_MIN = 20;
const HALVED_AT = 1_000;
/** Sweeps are a few milliseconds apart, and so are outcomes: below that every delay is chance. */
const DELAY_MS_MIN = 5;
/** Names are those of the catalog; when it holds more, the others are not hedged. */
const ENDPOINTS_MAX = 1_024;

class Latencies {
  private readonly counts = new Uint32Array(BINS);
  private total = 0;

  observe(ms: number): void {
    const bin = Math.round(PER_DOUBLING * Math.log2(Math.max(ms, LEAST_MS) / LEAST_MS));
    const at = Math.min(bin, BINS - 1);
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    if (++this.total >= HALVED_AT) this.halve();
  }

  /** Upper end of the bin; undefined while too little was seen. */
  get lateMs(): number | undefined {
    if (this.total < SEEN_MIN) return undefined;
    let seen = 0;
    for (const [bin, count] of this.counts.entries()) {
      seen += count;
      if (seen >= this.total * QUANTILE) return LEAST_MS * 2 ** ((bin + 0.5) / PER_DOUBLING);
    }
    return undefined;
  }

  private halve(): void {
    this.total = 0;
    for (const [bin, count] of this.counts.entries()) this.total += this.counts[bin] = count >> 1;
  }
}

export class HedgeDelays {
  private readonly byEndpoint = new Map<string, Latencies>();

  /** Milliseconds after which the call is hedged; undefined: never. */
  delayMs(endpoint: string, after: HedgeAfter | undefined): number | undefined {
    if (after !== 'auto') return after;
    const lateMs = this.byEndpoint.get(endpoint)?.lateMs;
    return lateMs === undefined ? undefined : Math.max(lateMs, DELAY_MS_MIN);
  }

  answered(endpoint: string, after: HedgeAfter | undefined, latencyMs: number): void {
    if (after !== 'auto') return;
    let latencies = this.byEndpoint.get(endpoint);
    if (!latencies) {
      if (this.byEndpoint.size >= ENDPOINTS_MAX) return;
      this.byEndpoint.set(endpoint, (latencies = new Latencies()));
    }
    latencies.observe(latencyMs);
  }
}
