// The host of one device: takes placements, keeps replicas in engine processes and says how they are. Everything that computes is
// in the engines, so this answers while a run takes its seconds. shard.module.ts makes the one of a process.
import { mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import { failure, toFailure } from '../../contracts/errors.js';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import type { StatisticsQuery, StatisticsReply } from '../../contracts/statistics.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { mustStop } from '../mesh/trust/gate.js';
import { keyBeside } from '../mesh/bus-key.js';
import { openHomeBuckets, openMirror } from '../mesh/kv-mirror.js';
import { errorFields, type Log } from '../mesh/log.js';
import { backoffMs, RESTART_BACKOFF } from '../mesh/backoff.js';
import type { OrderBook } from '../mesh/trust/order-book.js';
import type { Random } from '../mesh/random.js';
import type { MeshConfig } from '../mesh/service-config.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import type { PolicyReader } from '../mesh/trust/trust-policy.js';
import { watchMirror } from '../mesh/watch-mirror.js';
import { Admission } from './admission.js';
import type { ArtifactCache } from './artifact-cache.js';
import { EnginePool } from './engine-pool.js';
import { Heartbeats, type Pulse } from './heartbeats.js';
import { PlacementWatch } from './placement-watch.js';
import { PreparedGraphs } from './prepared-graphs.js';
import { Residents } from './residents.js';
import type { ShardConfig } from './shard.config.js';
import { TapWatch } from './tap-watch.js';
import { VersionRecords } from './version-records.js';

export interface ShardParts {
  readonly mesh: Pick<MeshConfig, 'instance' | 'region' | 'homeRegion' | 'natsUrl' | 'natsKey' | 'dataDir'>;
  readonly config: ShardConfig;
  readonly bus: Bus;
  readonly cache: ArtifactCache;
  readonly trust: PolicyReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Orders of safety; whoever gives the book follows them. */
  readonly orders?: OrderBook;
  /** What people will ask about goes there. */
  readonly tell?: TellAudit;
  /** Told at every beat. */
  readonly observed: (pulse: Pulse) => void;
}

// Below the time in which a process that is told to end must have ended.
const STOP_MS_MAX = 4_000;
const LOOK_AT_MEMORY_MS = 5_000;
const LOOK_AT_CACHE_MS = 60_000;
const LOOK_AT_HEAT_MS = 1_000;
const LOOK_AT_TRUST_MS = 500;

export class Shard {
  private state: Heartbeat['state'] = 'starting';
  private cordoned = false;
  private readonly leaving = new AbortController();
  private readonly pool: EnginePool;
  private readonly residents: Residents;
  private readonly heartbeats: Heartbeats;
  private readonly taps = new TapWatch();
  private judgedBy = 0;
  private recycling: Promise<void> = Promise.resolve();

  constructor(private readonly parts: ShardParts) {
    const { mesh, config, bus, cache, trust, clock, random, log, orders } = parts;
    const records = new VersionRecords(bus, mesh.homeRegion);
    this.pool = new EnginePool(
      {
        entry: config.engineEntry,
        shard: mesh.instance,
        region: mesh.region,
        natsUrl: mesh.natsUrl,
        natsKey: keyBeside(mesh.natsKey, 'engine'),
        threads: config.engineThreads,
        device: config.device.kind,
        bodyMaxBytes: config.bodyMaxBytes,
        keptMaxBytes: config.keptMaxBytes,
        observe: config.observe,
        // Engines have a working folder of their own, so what they are told is absolute.
        dir: resolve(mesh.dataDir, 'engines'),
        rssBytesMax: config.engineRssBytesMax,
        clock,
        random,
        log,
      },
      {
        warming: (replica) => this.residents.warming(replica),
        lost: (numbers, culprit, why) => this.residents.lost(numbers, culprit, why),
        changed: () => this.heartbeats.changed(),
      },
    );
    this.residents = new Residents({
      shard: mesh.instance,
      region: mesh.region,
      pool: this.pool,
      artifactsDir: resolve(cache.dir),
      weightsDir: emptied(resolve(mesh.dataDir, 'weights')),
      capacityMax: config.capacityMax,
      batchRowsMax: config.batchRowsMax,
      versionOf: (model, digest) => records.get(model, digest),
      prepared: new PreparedGraphs(resolve(mesh.dataDir, 'prepared')),
      admission: new Admission({ cache, trust, clock, region: mesh.region }),
      clock,
      random,
      log,
      changed: (replica) => this.heartbeats.changed(replica),
      changedSoon: (replica) => this.heartbeats.changedSoon(replica),
      orders,
      tell: parts.tell ?? (() => undefined),
      tapsOf: (version) => this.taps.of(version),
    });
    if (orders)
      this.leaving.signal.addEventListener(
        'abort',
        orders.onChange(() => this.residents.review()),
      );
    const speaker = {
      shard: () => this.told(),
      replicas: () => this.residents.reports(),
      replica: (id: string) => this.residents.report(id),
    };
    this.heartbeats = new Heartbeats(bus, clock, speaker, parts.observed);
  }

  /** Returns at once: a shard whose buckets or bytes cannot be had is there and says so. */
  start(): void {
    const { clock } = this.parts;
    this.pool.start();
    this.heartbeats.start();
    void this.follow();
    const { signal } = this.leaving;
    signal.addEventListener(
      'abort',
      clock.every(LOOK_AT_MEMORY_MS, () => this.lookAtMemory()),
    );
    signal.addEventListener(
      'abort',
      clock.every(LOOK_AT_HEAT_MS, () => {
        this.residents.lookAtHeat();
        this.residents.lookAtTaps();
      }),
    );
    signal.addEventListener(
      'abort',
      clock.every(LOOK_AT_TRUST_MS, () => this.lookAtTrust()),
    );
    signal.addEventListener(
      'abort',
      clock.every(LOOK_AT_CACHE_MS, () => void this.lookAtCache()),
    );
  }

  /** A new trust policy counts for what runs as well. */
  private lookAtTrust(): void {
    const { trust, clock, mesh } = this.parts;
    let policy;
    try {
      policy = trust.current();
    } catch {
      return; // none is known, or no more: what was trusted stays
    }
    if (policy.version === this.judgedBy) return;
    this.judgedBy = policy.version;
    const { region } = mesh;
    this.residents.judge((version, loadedAtMs) =>
      mustStop(version, policy, { loadedAtMs, nowMs: clock.now(), region }),
    );
  }

  inspect(): Heartbeat {
    return this.heartbeats.now();
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsReply> {
    const { instance: shard, region } = this.parts.mesh;
    return { shard, region, replicas: await this.residents.statistics(query) };
  }

  /** The engines that are being replaced; the work goes on after the answer. */
  recycle(pid?: number): number[] {
    const engines = this.pool.find(pid);
    if (pid !== undefined && engines.length === 0)
      throw failure('NOT_FOUND', `No engine with replicas has the process id ${pid}.`);
    for (const engine of engines) this.vacate(engine, 'asked');
    return engines.map((engine) => engine.pid);
  }

  /** Serves on, and asks for nothing new to be placed here. */
  cordon(): number {
    this.cordoned = true;
    this.heartbeats.changed();
    return this.residents.reports().length;
  }

  /** Takes down all replicas and takes none in any more. */
  async drain(): Promise<number> {
    this.state = 'draining';
    this.leaving.abort();
    const count = this.residents.reports().length;
    this.heartbeats.changed();
    await this.residents.leave();
    return count;
  }

  async stop(): Promise<void> {
    // A run cannot be stopped; who waits for its end longer than this would be killed together with us.
    const late = new Promise<void>((resolve) => this.parts.clock.after(STOP_MS_MAX, resolve));
    await Promise.race([this.drain(), late]);
    await this.pool.stop();
    this.heartbeats.stop();
  }

  private async follow(): Promise<void> {
    const { bus, mesh, clock, random, log } = this.parts;
    const { signal } = this.leaving;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        await openHomeBuckets(bus, mesh.homeRegion, clock);
        break;
      } catch (error) {
        log.warn('shard.waiting', { message: toFailure(error).message });
        await clock.sleep(backoffMs(tries, RESTART_BACKOFF, random), signal).catch(() => undefined);
      }
    }
    // Before the first placement, so that a version is loaded with its taps at once. Without the bucket there are none.
    await openMirror(bus, mesh.homeRegion, buckets.taps, clock).catch((error: unknown) =>
      log.warn('shard.taps.waiting', errorFields(error)),
    );
    await watchMirror(bus, mesh.homeRegion, buckets.taps, this.taps.take, signal, { clock, log });
    const placement = new PlacementWatch(mesh.instance, log, (part, versions) => {
      if (!signal.aborted) this.residents.want(part, versions);
    });
    await watchMirror(bus, mesh.homeRegion, buckets.placement, placement.take, signal, { clock, log });
    if (this.state !== 'starting') return;
    this.state = 'ready';
    this.heartbeats.changed();
  }

  private lookAtMemory(): void {
    for (const { engine, why } of this.pool.toRecycle()) this.vacate(engine, why);
  }

  private async lookAtCache(): Promise<void> {
    const { cache, log } = this.parts;
    await cache
      .evict(this.residents.resources())
      .catch((error: unknown) => log.warn('artifact.evict.failed', errorFields(error)));
  }

  /** One engine after the other: each needs room for a second copy of its models. */
  private vacate(engine: ReturnType<EnginePool['find']>[number], why: string): void {
    engine.close();
    this.parts.log.info('engine.recycle', { engine: engine.name, pid: engine.pid, why, ...engine.memory });
    this.recycling = this.recycling.then(() => this.residents.vacate(engine));
  }

  private told(): Omit<Pulse, 'replicas'> {
    const { mesh, config } = this.parts;
    return {
      shard: mesh.instance,
      region: mesh.region,
      // What may serve nothing is placed elsewhere.
      state: this.parts.orders?.shard(mesh.instance) === undefined ? this.state : 'draining',
      ...(this.cordoned && { cordoned: true }),
      device: config.device,
      engines: this.pool.report(),
    };
  }
}

/** A folder of our own, without what a life before left in it. */
function emptied(dir: string): string {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}
