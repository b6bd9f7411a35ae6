// Copies the artifacts of all versions into the stores of the other regions, so that a region cut off can load, restart and serve
// with what lies in it, and removes there what the home region does not keep any more. Runs in the leading registry, one loop a region, until everything is there; a copy that is cut off
// goes on where it ended (artifact-store.ts).
import type { Digest } from '../../contracts/names.js';
import { type Backoff, backoffMs } from '../mesh/backoff.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { Random } from '../mesh/random.js';
import type { ArtifactStore } from './artifact-store.js';
import { Wake } from '../mesh/calls/wake.js';

export interface ReplicatorParts {
  readonly home: ArtifactStore;
  readonly regions: readonly string[];
  /** Opens the store of a region, where it lies. */
  readonly open: (region: string) => Promise<ArtifactStore>;
  /** What every region must have. */
  readonly wanted: () => Promise<ReadonlySet<Digest>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told after every look at a region. */
  readonly missing: (region: string, count: number) => void;
}

// A region may have lost its store while nothing was pushed.
const LOOK_AGAIN_MS = 30_000;
// A leaf link reconnects within a second; a region that stays away is asked rarely.
const REGION_AWAY: Backoff = { firstMs: 500, maxMs: 10_000, jitter: 0.2 };

export class Replicator {
  private readonly wakes: ReadonlyMap<string, Wake>;

  constructor(private readonly parts: ReplicatorParts) {
    this.wakes = new Map(parts.regions.map((region) => [region, new Wake(parts.clock)]));
  }

  /** Something was published: look now instead of later. */
  nudge(): void {
    for (const wake of this.wakes.values()) wake.nudge();
  }

  /** Until the signal ends it; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.wakes].map(([region, wake]) => this.serve(region, wake, signal)));
  }

  private async serve(region: string, wake: Wake, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.parts;
    let failures = 0;
    while (!signal.aborted) {
      const mark = wake.mark();
      try {
        await this.fill(region, signal);
        failures = 0;
        await wake.sleep(LOOK_AGAIN_MS, mark, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) log.warn('replication.waiting', { region, ...errorFields(error) });
        await clock.sleep(backoffMs(failures++, REGION_AWAY, random), signal).catch(() => undefined);
      }
    }
  }

  private async fill(region: string, signal: AbortSignal): Promise<void> {
    const { home, open, wanted, log, missing } = this.parts;
    const store = await open(region);
    const there = await store.list();
    const needed = await wanted();
    const lacking = [...needed].filter((digest) => there.get(digest) !== true);
    missing(region, lacking.length);
    for (const [index, digest] of lacking.entries()) {
      signal.throwIfAborted();
      await store.write(digest, () => home.read(digest, signal));
      missing(region, lacking.length - index - 1);
    }
    if (lacking.length > 0) log.info('replication.done', { region, artifacts: lacking.length });
    const left = [...there.keys()].filter((digest) => !needed.has(digest));
    const removed = await this.prune(store, left, signal);
    if (removed > 0) log.info('replication.pruned', { region, artifacts: removed });
  }

  /** What was swept at home goes here too; how many. */
  private async prune(store: ArtifactStore, left: readonly Digest[], signal: AbortSignal): Promise<number> {
    const { home, wanted } = this.parts;
    let removed = 0;
    for (const digest of left) {
      signal.throwIfAborted();
      // Up to what was seen before it was asked who wants it: a copy that somebody makes meanwhile stays.
      const touched = await store.touched(digest);
      if (!touched || (await home.bytesOf(digest)) !== undefined || (await wanted()).has(digest)) continue;
      await store.remove(digest, touched.seq);
      removed++;
    }
    return removed;
  }
}
