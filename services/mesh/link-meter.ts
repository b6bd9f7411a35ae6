// Links between this region and the others as they are: what an operator declared, with the round trip that was measured. Somebody in
// the other region is asked now and then; the shortest of the last answers counts, for the rest is somebody's queue.
import type { Link } from '../../contracts/placement.js';

const KEPT = 8;
/** Probes of which it is told how many got no answer. */
const COUNTED = 32;

export class LinkMeter {
  private readonly roundTrips = new Map<string, number[]>();
  private readonly outcomes = new Map<string, boolean[]>();
  private asking = false;

  constructor(
    private readonly region: string,
    private readonly declared: readonly Link[],
    /** Asks somebody in that region and waits for the answer; rejects when none comes. */
    private readonly ask: (region: string) => Promise<unknown>,
    private readonly monotonicMs: () => number,
  ) {}

  /** Each other region, one after the other. */
  async measure(regions: readonly string[]): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    for (const region of regions.filter((one) => one !== this.region)) {
      const beganMs = this.monotonicMs();
      const answered = await this.ask(region).then(
        () => true,
        () => false,
      );
      this.outcomes.set(region, [...(this.outcomes.get(region) ?? []).slice(1 - COUNTED), answered]);
      if (answered)
        this.roundTrips.set(region, [
          ...(this.roundTrips.get(region) ?? []).slice(1 - KEPT),
          this.monotonicMs() - beganMs,
        ]);
    }
    this.asking = false;
  }

  /** What was declared with a latency keeps it: an operator knows what a measurement at night does not. */
  links(): Link[] {
    const here = this.region;
    const known = this.declared.map((link) => {
      const [a, b] = link.between;
      const far = a === here ? b : b === here ? a : undefined;
      const measured = far === undefined ? undefined : this.measured(far);
      return link.latencyMs !== undefined || measured === undefined ? link : { ...link, latencyMs: measured };
    });
    const missing = [...this.roundTrips.keys()].filter(
      (far) => !this.declared.some(({ between }) => between.includes(here) && between.includes(far)),
    );
    const found = missing.map((far): Link => ({
      between: [here, far],
      class: 'internet',
      latencyMs: this.measured(far) ?? 0,
    }));
    return [...known, ...found];
  }

  /** What was measured of the link to a region. */
  record(region: string): { measuredMs?: number; answered: number; lost: number } {
    const measuredMs = this.measured(region);
    const outcomes = this.outcomes.get(region) ?? [];
    const answered = outcomes.filter(Boolean).length;
    return { ...(measuredMs !== undefined && { measuredMs }), answered, lost: outcomes.length - answered };
  }

  private measured(region: string): number | undefined {
    const times = this.roundTrips.get(region);
    return times && Math.min(...times);
  }
}
