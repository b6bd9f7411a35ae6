// Links between this region and the others as they are: what an operator declared, with the round trip that was measured. A shard of the
// other region is asked what it is, now and then; the shortest of the last answers counts, for the rest is somebody's queue.
import type { Link } from '../../contracts/placement.js';

const KEPT = 8;

export class LinkMeter {
  private readonly roundTrips = new Map<string, number[]>();
  private asking = false;

  constructor(
    private readonly region: string,
    private readonly declared: readonly Link[],
    /** Asks and waits for the answer; rejects when none comes. */
    private readonly ask: (shard: string) => Promise<unknown>,
    private readonly monotonicMs: () => number,
  ) {}

  /** One shard of each other region, one after the other. */
  async measure(shards: readonly { readonly id: string; readonly region: string }[]): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const far = new Map(shards.filter(({ region }) => region !== this.region).map((s) => [s.region, s.id]));
    for (const [region, shard] of far) {
      const beganMs = this.monotonicMs();
      const answered = await this.ask(shard).then(
        () => true,
        () => false,
      );
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
      ...{ between: [here, far], class: 'internet' },
      latencyMs: this.measured(far) ?? 0,
    }));
    return [...known, ...found];
  }

  private measured(region: string): number | undefined {
    const times = this.roundTrips.get(region);
    return times && Math.min(...times);
  }
}
