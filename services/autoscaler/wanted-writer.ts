// Writes down how many replicas of an endpoint are wanted, under the leader's epoch, and only what differs. The autoscaler asks while it
// leads; after a later leader has written, every write here is LEASE_LOST.
import { keys } from '../../contracts/buckets.js';
import type { WantedRecord } from '../../contracts/scaling.js';
import type { BucketLog } from '../mesh/bucket-log.js';
import type { Log } from '../mesh/log.js';
import type { Now } from './endpoint-scaler.js';
import type { EndpointScalers } from './endpoint-scalers.js';
import type { Scaled } from './sleepy.js';
import type { WantedState } from './wanted-state.js';

export interface WriterParts {
  readonly wanted: BucketLog;
  readonly state: WantedState;
  /** Told of what was written. */
  readonly scalers: EndpointScalers;
  readonly log: Log;
}

export class WantedWriter {
  constructor(private readonly parts: WriterParts) {}

  /** One record for all regions; a region that is not seen keeps its number. */
  async write(
    { name, scaling }: Scaled,
    decided: Readonly<Record<string, number>>,
    epoch: number,
    now: Now,
    why?: string,
  ): Promise<void> {
    const { wanted, state, scalers, log } = this.parts;
    const before = state.of(name);
    if (scaling.dryRun) return before && this.remove(name, epoch);
    const differs = Object.entries(decided).filter(([region, to]) => before?.regions[region] !== to);
    if (differs.length === 0) return;
    await wanted.transact(() => {
      state.fence(epoch);
      const value: WantedRecord = {
        endpoint: name,
        epoch,
        regions: { ...state.of(name)?.regions, ...decided },
      };
      return { change: { key: keys.wanted(name), value }, result: undefined };
    });
    for (const [region, to] of differs) {
      const from = before?.regions[region] ?? 0;
      const scaler = scalers.find(name, region);
      scaler?.changed(from, to, now, why);
      log.info('scaling.changed', { endpoint: name, region, from, to, why: why ?? scaler?.explained?.why });
    }
  }

  /** Endpoints that are scaled no more. */
  async tidy(scaled: Pick<ReadonlySet<string>, 'has'>, epoch: number): Promise<void> {
    for (const { endpoint } of this.parts.state.records())
      if (!scaled.has(endpoint)) await this.remove(endpoint, epoch);
  }

  private async remove(endpoint: string, epoch: number): Promise<void> {
    const { wanted, state } = this.parts;
    await wanted.transact(() => {
      state.fence(epoch);
      return { change: { key: keys.wanted(endpoint), value: undefined }, result: undefined };
    });
  }
}
