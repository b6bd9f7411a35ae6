// What the leading registry does beside answering: places, conducts releases, keeps the lives of versions, replicates, sweeps,
// and lets the last good version stand in for one that is withheld. Every duty ends with the signal.
import { UPLOAD_TTL_MS } from '../../contracts/buckets.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { LifeKeeper } from './lifecycle/life-keeper.js';
import type { Placer } from './placer.js';
import type { Conductor } from './release/conductor.js';
import type { Replicator } from './replicator.js';
import type { StandIns } from './stand-in/stand-ins.js';
import type { Sweeper } from './sweeper.js';

export interface DutiesParts {
  readonly placer: () => Placer;
  readonly conductor: () => Conductor;
  readonly keeper: LifeKeeper;
  readonly replicator: Replicator;
  readonly sweeper: Sweeper;
  readonly standIns: StandIns;
  readonly clock: Clock;
  readonly log: Log;
}

export class Duties {
  private placer: Placer | undefined;

  constructor(private readonly parts: DutiesParts) {}

  /** Endpoints or versions changed, or orders about them. */
  nudge(): void {
    this.parts.keeper.nudge();
    this.parts.replicator.nudge();
    this.parts.standIns.nudge();
  }

  /** Endpoints changed, or other numbers of replicas are wanted. */
  nudgePlacer(): void {
    this.placer?.nudge();
  }

  begin(epoch: number, signal: AbortSignal): Promise<void>[] {
    // Every term has a placer and a conductor of its own: what an earlier one heard is old.
    const placer = this.parts.placer();
    this.placer = placer;
    return [
      placer.run(epoch, signal),
      this.parts.conductor().run(epoch, signal),
      this.parts.keeper.run(signal),
      this.parts.replicator.run(signal),
      this.parts.standIns.run(signal),
      this.sweep(signal),
    ];
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    const { sweeper, clock, log } = this.parts;
    while (!signal.aborted) {
      await sweeper.sweep(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('sweep.failed', errorFields(error));
      });
      await clock.sleep(UPLOAD_TTL_MS, signal).catch(() => undefined);
    }
  }
}
