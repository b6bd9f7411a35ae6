// The replicas that live on this shard: brings up what is wanted, takes down what is not, brings back what was lost and moves what
// has to move. One step at a time for each replica, all replicas side by side. The heartbeat says what its reports say.
import type { ReplicaReport } from '../../contracts/heartbeat.js';
import type { Digest } from '../../contracts/names.js';
import { type PlacementRecord, placementPart, type VersionRecord } from '../../contracts/registry.js';
import type { ReplicaStatistics, StatisticsQuery } from '../../contracts/statistics.js';
import { type ErrorCode, toFailure } from '../../contracts/errors.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { OrderBook } from '../mesh/trust/order-book.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import type { Random } from '../mesh/random.js';
import { askStatistics } from './ask-statistics.js';
import { needOf } from './engine-choice.js';
import { HostedReplica } from './hosted-replica.js';
import type { PooledEngine } from './pooled-engine.js';
import { type LoaderParts, ReplicaLoader } from './replica-loader.js';
import {
  afterCrash,
  afterFailedLoad,
  afterFailure,
  afterLoad,
  afterLoss,
  type Verdict,
} from './replica-trouble.js';

export interface ResidentsParts extends LoaderParts {
  readonly shard: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly changed: (replica: string) => void;
  /** What nobody acts on. */
  readonly changedSoon: (replica: string) => void;
  /** Orders of safety: what they withhold is placed here and does not live here. */
  readonly orders?: Pick<OrderBook, 'version' | 'kills' | 'shard' | 'killsShard'> | undefined;
  /** What people will ask about: refusals, kills. */
  readonly tell: TellAudit;
}

/** Not a trouble of the world but a word of the gate. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['UNSIGNED', 'MODEL_REFUSED']);
/** What a leaving replica may still finish. */
const DRAIN_MS = 5_000;
/** Neighbours of a replica that is to be killed get this long to move to another engine. */
const KILL_WITHIN_MS = 1_500;
const noStanding = { suspect: false, hot: true };

export class Residents {
  private readonly replicas = new Map<Digest, HostedReplica>();
  /** By part. */
  private readonly placed = new Map<string, PlacementRecord['versions']>();
  private distrusted = new Set<Digest>();
  private readonly loader: ReplicaLoader;
  private lastNumber = 0;
  /** One at a time: each takes a spare engine. */
  private moving = false;

  constructor(private readonly parts: ResidentsParts) {
    this.loader = new ReplicaLoader(parts);
  }

  /** In this part of its placement. */
  want(part: string, versions: PlacementRecord['versions']): void {
    this.placed.set(part, versions);
    this.takeIn(versions);
    for (const replica of this.replicas.values())
      if (placementPart(replica.version) === part) this.follow(replica);
  }

  /** What is placed here, less what orders withhold: when these change. */
  review(): void {
    for (const versions of this.placed.values()) this.takeIn(versions);
    for (const replica of this.replicas.values()) this.follow(replica);
  }

  private takeIn(versions: PlacementRecord['versions']): void {
    for (const { model, version } of versions) {
      if (this.replicas.has(version) || !this.mayLive(version)) continue;
      const replica = new HostedReplica(this.parts.shard, ++this.lastNumber, model, version);
      this.replicas.set(version, replica);
      this.parts.changedSoon(replica.id);
    }
  }

  private follow(replica: HostedReplica): void {
    const { orders, shard } = this.parts;
    const { version } = replica;
    const placed = this.placed.get(placementPart(version))?.some((one) => one.version === version) ?? false;
    replica.wanted = placed && this.mayLive(version);
    // Of hundreds one comes and one goes.
    if (this.isDue(replica)) this.settle(replica);
    const ends = orders?.kills(version) || orders?.killsShard(shard);
    if (ends || this.distrusted.has(version)) void this.kill(replica);
  }

  private mayLive(version: Digest): boolean {
    const { orders, shard } = this.parts;
    const isWithheld = orders?.shard(shard) !== undefined || orders?.version(version) !== undefined;
    return !isWithheld && !this.distrusted.has(version);
  }

  /** After a change of the trust policy: what may not run any more ends at once; what may again comes back. */
  judge(mustStop: (version: VersionRecord, loadedAtMs: number) => string | undefined): void {
    const { clock, log, tell } = this.parts;
    const before = this.distrusted;
    this.distrusted = new Set();
    for (const { id, version, model, record, epoch, state } of this.replicas.values()) {
      // One that is being loaded was let in by the policy before; one that was refused tries again by itself.
      const loadedAtMs = epoch === 0 && state !== 'failed' ? clock.now() : epoch;
      const why = record && loadedAtMs > 0 ? mustStop(record, loadedAtMs) : undefined;
      if (why === undefined) continue;
      log.warn('replica.distrusted', { replica: id, model, version, why });
      tell({
        who: 'shard',
        action: 'replica.distrusted',
        about: { model, version, replica: id },
        outcome: 'done',
        why,
      });
      this.distrusted.add(version);
    }
    if (before.size > 0 || this.distrusted.size > 0) this.review();
  }

  reports(): ReplicaReport[] {
    return [...this.replicas.values()].map((replica) => replica.report());
  }

  /** Undefined where it is not, or no more. */
  report(id: string): ReplicaReport | undefined {
    return this.find(id)?.report();
  }

  statistics({ model, versions }: StatisticsQuery): Promise<ReplicaStatistics[]> {
    const named = versions && new Set(versions);
    const asked = [...this.replicas.values()].filter(
      (one) => (model === undefined || one.model === model) && (named?.has(one.version) ?? true),
    );
    return askStatistics(asked, this.parts.clock);
  }

  /** Digests of all files that its replicas are made of. */
  resources(): ReadonlySet<Digest> {
    return new Set(
      [...this.replicas.values()].flatMap(
        ({ record }) => record?.resources.map(({ digest }) => digest) ?? [],
      ),
    );
  }

  /** Of the pool. */
  warming(id: string): void {
    const replica = this.find(id);
    if (replica?.state !== 'loading') return;
    replica.state = 'warming';
    this.parts.changedSoon(id);
  }

  private find(id: string): HostedReplica | undefined {
    for (const replica of this.replicas.values()) if (replica.id === id) return replica;
    return undefined;
  }

  /** Of the pool: their engine is gone. Who is loading or moving there hears of it by the failure of that. */
  lost(numbers: readonly number[], culprit: number | undefined, why: string): void {
    const { clock, log, random } = this.parts;
    for (const replica of this.replicas.values()) {
      if (!numbers.includes(replica.number)) continue;
      if (replica.number === culprit) {
        replica.trouble = afterCrash(replica.trouble, clock.now());
        log.warn('replica.suspect', { replica: replica.id, model: replica.model, why });
      }
      if (replica.engine === undefined || replica.engine.alive) continue;
      replica.endedSequences(replica.engine, true);
      replica.leftEngine();
      const verdict = afterLoss(replica.trouble, clock.now(), random);
      this.apply(replica, verdict, `its engine ended: ${why}`);
      if (verdict.afterMs === 0) this.settle(replica);
    }
  }

  /** Once a second: who became hot leaves an engine that is for the many, and where it lives no loads come any more. */
  lookAtHeat(): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const replica of this.replicas.values())
      if (replica.warmed(nowMs)) replica.engine?.heats(replica.number, replica.heat.hot);
    const [disturbed] = [...this.replicas.values()].filter(
      ({ heat, engine, busy, record }) =>
        heat.hot && engine?.forTheMany && !busy && record && needOf(record, noStanding).kind === 'shared',
    );
    if (disturbed && !this.moving) {
      this.moving = true;
      this.parts.log.info('replica.quieter', { replica: disturbed.id, perSecond: disturbed.heat.perSecond });
      void this.step(disturbed, () => this.move(disturbed)).finally(() => (this.moving = false));
    }
  }

  /** Once a second: whose taps are others than it was loaded with goes to another engine that has them, one after the other. */
  lookAtTaps(): void {
    const [behind] = [...this.replicas.values()].filter(
      ({ version, taps, engine, busy, state }) =>
        engine?.alive && !busy && state === 'ready' && this.parts.tapsOf?.(version)?.name !== taps,
    );
    if (!behind || this.moving) return;
    this.moving = true;
    this.parts.log.info('replica.taps', { replica: behind.id, model: behind.model });
    void this.step(behind, () => this.move(behind)).finally(() => (this.moving = false));
  }

  /** Moves all that live there to other engines, which ends it; what cannot be moved stays. */
  async vacate(engine: PooledEngine): Promise<void> {
    engine.close();
    for (const replica of this.replicas.values())
      if (replica.engine === engine) await this.step(replica, () => this.move(replica));
  }

  /** Takes everything down and settles when it is. */
  async leave(): Promise<void> {
    this.placed.clear();
    this.review();
    await Promise.all([...this.replicas.values()].map(({ gone }) => gone));
  }

  /** Ends the engine of a replica, whatever it runs. Who lives there too has moved before, or is brought up anew. */
  private async kill(replica: HostedReplica): Promise<void> {
    const { engine } = replica;
    if (!engine?.alive) return;
    engine.close();
    const { id, model, version } = replica;
    this.parts.log.warn('replica.kill', { replica: id, model, pid: engine.pid });
    const { orders, shard } = this.parts;
    const why = orders?.shard(shard) ?? orders?.version(version) ?? 'the trust policy lets it run no more';
    const about = { model, version, replica: id, pid: engine.pid };
    this.parts.tell({ who: 'shard', action: 'replica.kill', about, outcome: 'done', why });
    const neighbours = [...this.replicas.values()].filter((one) => one !== replica && one.engine === engine);
    const moved = Promise.all(neighbours.map((one) => this.step(one, () => this.move(one))));
    if (neighbours.length > 0) await Promise.race([moved, this.parts.clock.sleep(KILL_WITHIN_MS)]);
    engine.execute();
  }

  private settle(replica: HostedReplica): void {
    void this.step(replica, () => this.advance(replica));
  }

  /** Who is busy looks again by itself when its step is done. */
  private async step(replica: HostedReplica, work: () => Promise<void>): Promise<void> {
    if (replica.busy) return;
    replica.busy = true;
    try {
      await work();
    } finally {
      replica.busy = false;
    }
    if (this.isDue(replica)) this.settle(replica);
  }

  private isDue(replica: HostedReplica): boolean {
    if (!this.replicas.has(replica.version)) return false;
    return !replica.wanted || (replica.engine === undefined && replica.cancelRetry === undefined);
  }

  private async advance(replica: HostedReplica): Promise<void> {
    if (!replica.wanted) return this.takeDown(replica);
    if (this.isDue(replica)) await this.bringUp(replica);
  }

  private async bringUp(replica: HostedReplica): Promise<void> {
    const { clock, log } = this.parts;
    replica.state = 'loading';
    this.parts.changed(replica.id);
    try {
      await this.loader.load(replica);
      replica.trouble = afterLoad(replica.trouble);
      replica.epoch = Math.max(clock.now(), replica.epoch + 1);
      const { id, model, version, loaded } = replica;
      const report = loaded && { runMs: loaded.runMs, batchMax: loaded.batchMax, capacity: loaded.capacity };
      log.info('replica.ready', { replica: id, model, version, ...report });
      this.parts.changed(replica.id);
    } catch (error) {
      this.failedLoad(replica, error);
    }
  }

  private failedLoad(replica: HostedReplica, error: unknown): void {
    const { random, log, tell } = this.parts;
    const known = toFailure(error);
    const code: ErrorCode = known.code;
    replica.trouble = afterFailedLoad(replica.trouble);
    log.warn('replica.load.failed', { replica: replica.id, model: replica.model, ...errorFields(error) });
    if (REFUSALS.has(code)) {
      const { id, model, version } = replica;
      const about = { model, version, replica: id, code };
      tell({ who: 'shard', action: 'replica.refused', about, outcome: 'refused', why: known.message });
    }
    this.apply(replica, afterFailure(replica.trouble, code, random), known.message);
  }

  private apply(replica: HostedReplica, verdict: Verdict, reason: string): void {
    replica.state = verdict.kind === 'failed' ? 'failed' : 'loading';
    replica.reason = reason;
    if (verdict.afterMs > 0) {
      replica.cancelRetry = this.parts.clock.after(verdict.afterMs, () => {
        replica.cancelRetry = undefined;
        this.settle(replica);
      });
    }
    this.parts.changed(replica.id);
  }

  /** Both engines serve it for a moment and no request meets a closed door. The epoch stays: nothing was lost. */
  private async move(replica: HostedReplica): Promise<void> {
    const before = replica.engine;
    if (before === undefined || !replica.wanted) return;
    try {
      await this.loader.load(replica);
    } catch (error) {
      this.parts.log.warn('replica.move.failed', { replica: replica.id, ...errorFields(error) });
      return;
    }
    await this.unload(replica, before);
  }

  private async takeDown(replica: HostedReplica): Promise<void> {
    replica.cancelRetry?.();
    replica.cancelRetry = undefined;
    const { engine } = replica;
    if (engine !== undefined) {
      replica.state = 'draining';
      this.parts.changed(replica.id);
      await this.unload(replica, engine);
      replica.leftEngine();
    }
    // Wanted again meanwhile: the next step brings it up anew.
    if (!replica.wanted) {
      this.replicas.delete(replica.version);
      replica.depart();
    }
    this.parts.changedSoon(replica.id);
  }

  private async unload(replica: HostedReplica, engine: PooledEngine): Promise<void> {
    const died = await engine.handle.unload(replica.id, DRAIN_MS).then(
      () => false,
      () => true,
    );
    replica.endedSequences(engine, died);
    this.parts.pool.release(engine, replica.number);
  }
}
