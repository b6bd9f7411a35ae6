// How far each region is from this client, by its own connections: the direct caller turns to the nearest of those with room.
import type { Bus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';

const EVERY_MS = 10_000;
const KEPT = 4;

export class Distances {
  private readonly roundTrips = new Map<string, number[]>();
  private readonly stop: () => void;

  constructor(
    private readonly buses: readonly Bus[],
    clock: Clock,
  ) {
    this.stop = clock.every(EVERY_MS, () => void this.measure());
    void this.measure();
  }

  /** The shortest of the last round trips; a region that never answered is as far as can be. */
  readonly toMs = (region: string): number => Math.min(...(this.roundTrips.get(region) ?? [FAR_MS]));

  close(): void {
    this.stop();
  }

  private async measure(): Promise<void> {
    const up = this.buses.filter((bus) => bus.connected());
    await Promise.all(
      up.map(async ({ nc, region }) => {
        const ms = await nc.rtt().catch(() => undefined);
        if (ms !== undefined)
          this.roundTrips.set(region, [...(this.roundTrips.get(region) ?? []).slice(1 - KEPT), ms]);
      }),
    );
  }
}

const FAR_MS = 1_000;
