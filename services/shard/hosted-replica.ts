// One replica as the host knows it, whatever engine it lives in. residents.ts moves it from state to state.
import type { ReplicaReport, ReplicaState, SequenceCounts } from '../../contracts/heartbeat.js';
import { type Digest, replicaId } from '../../contracts/names.js';
import type { VersionRecord } from '../../contracts/registry.js';
import {
  noScheduling,
  noStatistics,
  type ReplicaStatistics,
  sumScheduling,
  sumStatistics,
} from '../../contracts/statistics.js';
import type { EngineStatistics, LoadedReport, ReplicaCounters } from './engine-messages.js';
import type { PooledEngine } from './pooled-engine.js';
import { cold, type Heat, warmer } from './heat.js';
import { noTrouble, type Trouble } from './replica-trouble.js';

export class HostedReplica {
  readonly id: string;
  state: ReplicaState = 'loading';
  reason: string | undefined;
  wanted = true;
  stateful = false;
  trouble: Trouble = noTrouble;
  /** Where it lives; undefined while it lives nowhere. */
  engine: PooledEngine | undefined;
  loaded: LoadedReport | undefined;
  epoch = 0;
  /** How often it is asked for. */
  heat: Heat = cold(0, 0);
  /** As it was admitted. */
  record: VersionRecord | undefined;
  /** The plan of taps that it was loaded with, by name; undefined: none. */
  taps: string | undefined;
  /** A step is under way; the next begins when it is done. */
  busy = false;
  /** Cancels the wait for the next try. */
  cancelRetry: (() => void) | undefined;
  /** Settles when it is no more on this shard. */
  readonly gone: Promise<void>;
  depart: () => void = () => undefined;
  private servedBefore = 0;
  private failedBefore = 0;
  private readonly settled = new WeakSet<PooledEngine>();
  private sequencesBefore = { passivated: 0, lost: 0, handedOver: 0 };
  private last: ReplicaCounters | undefined;
  private counted: EngineStatistics | undefined;
  private countedBefore: EngineStatistics | undefined;

  constructor(
    shard: string,
    readonly number: number,
    readonly model: string,
    readonly version: Digest,
  ) {
    this.id = replicaId(shard, version);
    this.gone = new Promise((resolve) => (this.depart = resolve));
  }

  /** Its counts go on where the engine before ended. */
  leftEngine(): void {
    this.refresh();
    this.servedBefore += this.last?.served ?? 0;
    this.failedBefore += this.last?.failed ?? 0;
    this.last = undefined;
    this.countedBefore = this.allCounted;
    this.counted = undefined;
    this.engine = undefined;
  }

  /** True when it became hot or cold. */
  warmed(nowMs: number): boolean {
    this.refresh();
    const before = this.heat;
    const served = this.servedBefore + (this.last?.served ?? 0);
    this.heat = before.atMs === 0 ? cold(served, nowMs) : warmer(before, served, nowMs);
    return this.heat.hot !== before.hot;
  }

  /** What its engine counted until now. */
  heard(counted: EngineStatistics): void {
    this.counted = counted;
  }

  /** As of the last answer of its engine; what a killed one counted since nobody knows. */
  statistics(): ReplicaStatistics {
    const { id: replica, model, version, loaded } = this;
    const all = this.allCounted;
    const byte_size = loaded?.rssGrowthBytes ?? 0;
    return {
      replica,
      model,
      version,
      statistics: {
        ...(all?.statistics ?? noStatistics),
        memory_usage: byte_size === 0 ? [] : [{ type: 'CPU', id: 0, byte_size }],
      },
      scheduling: all?.scheduling ?? noScheduling,
      curve: all?.curve ?? [],
    };
  }

  private get allCounted(): EngineStatistics | undefined {
    const { counted, countedBefore } = this;
    if (counted === undefined || countedBefore === undefined) return counted ?? countedBefore;
    return {
      ...counted,
      statistics: sumStatistics([countedBefore.statistics, counted.statistics]),
      scheduling: sumScheduling(countedBefore.scheduling, counted.scheduling),
    };
  }

  /** An engine is done with its sequences; `died`: those that were open are gone with it. */
  endedSequences(engine: PooledEngine, died: boolean): void {
    const ended = engine.handle.counters(this.id)?.sequences;
    if (!ended || this.settled.has(engine)) return;
    this.settled.add(engine);
    const { passivated, lost, handedOver } = this.sequencesBefore;
    this.sequencesBefore = {
      passivated: passivated + ended.passivated,
      lost: lost + ended.lost + (died ? ended.open : 0),
      handedOver: handedOver + ended.handedOver,
    };
  }

  report(): ReplicaReport {
    this.refresh();
    const { id, model, version, state, epoch, loaded, last, reason } = this;
    return {
      id,
      model,
      version,
      state,
      inFlight: last?.inFlight ?? 0,
      capacity: loaded?.capacity ?? 1,
      ...(last && { limit: last.limit, itemMs: last.itemMs }),
      latencyMs: last?.latencyMs ?? loaded?.runMs ?? 0,
      batchMax: last?.batchMax ?? loaded?.batchMax ?? 1,
      served: this.servedBefore + (last?.served ?? 0),
      failed: this.failedBefore + (last?.failed ?? 0),
      epoch,
      ...(this.stateful ? { sequences: this.sequences() } : {}),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  private sequences(): SequenceCounts {
    const { open = 0, stateBytes = 0, passivated = 0, lost = 0, handedOver = 0 } = this.last?.sequences ?? {};
    const before = this.sequencesBefore;
    return {
      open,
      stateBytes,
      passivated: before.passivated + passivated,
      lost: before.lost + lost,
      handedOver: before.handedOver + handedOver,
    };
  }

  private refresh(): void {
    const found = this.engine?.handle.counters(this.id);
    if (found) this.last = found;
  }
}
