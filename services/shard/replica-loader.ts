// Loads a replica into an engine: record, admission, room, then the engine's own load, with what is remembered of the version from earlier
// ones. The residents say when, and what a failure means.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toFailure } from '../../contracts/errors.js';
import { isExternal } from '../../contracts/manifest.js';
import type { Digest } from '../../contracts/names.js';
import type { VersionRecord } from '../../contracts/registry.js';
import type { Admission } from './admission.js';
import { needOf } from './engine-choice.js';
import type { EnginePool } from './engine-pool.js';
import type { HostedReplica } from './hosted-replica.js';
import { KnownWarmUps } from './known-warm-ups.js';
import type { PreparedGraphs, Preparation } from './prepared-graphs.js';
import type { TapsKnown } from './tap-watch.js';

export interface LoaderParts {
  readonly region: string;
  readonly pool: Pick<EnginePool, 'place' | 'release'>;
  readonly artifactsDir: string;
  /** Engines' own files for a moment: weights that they map. */
  readonly weightsDir: string;
  readonly capacityMax: number;
  readonly batchRowsMax: number;
  /** The record of a version from the catalog. */
  readonly versionOf: (model: string, digest: Digest) => Promise<VersionRecord>;
  readonly admission: Pick<Admission, 'admit' | 'doubt'>;
  readonly prepared: PreparedGraphs;
  /** Hidden values that a version gives beside its outputs; absent or undefined: none. */
  readonly tapsOf?: ((version: Digest) => TapsKnown | undefined) | undefined;
}

const LARGE_BYTES = 64 * 1024 * 1024;

export class ReplicaLoader {
  private readonly warmUps = new KnownWarmUps();
  private lastLarge: Promise<unknown> = Promise.resolve();
  private loads = 0;

  constructor(private readonly parts: LoaderParts) {}

  /** Afterwards it lives there: subscribed, flushed, reachable. */
  async load(replica: HostedReplica): Promise<void> {
    const { pool, versionOf, artifactsDir, region, capacityMax, batchRowsMax, admission, prepared } =
      this.parts;
    const weightsDir = join(this.parts.weightsDir, String(++this.loads));
    const version = await versionOf(replica.model, replica.version);
    replica.stateful = version.card.state !== undefined;
    replica.record = version;
    const { policy, remembered: admittedBefore } = await admission.admit(version);
    const { runLimitMs } = version.card;
    const { number, id } = replica;
    const { hot } = replica.heat;
    const need = needOf(version, { suspect: replica.trouble.suspect, hot });
    const engine = await pool.place(need, { number, replica: id, runLimitMs, hot }, replica.engine);
    const taps = this.parts.tapsOf?.(version.digest);
    // Also where it fails: it is not tried again and again.
    replica.taps = taps?.name;
    try {
      const order = { replica: id, number, version, artifactsDir, policy, region, capacityMax, batchRowsMax };
      // What a suspect's engine wrote is not passed on.
      const preparation = replica.trouble.suspect ? undefined : prepared.for(version, taps?.name);
      const graph = graphOf(preparation, taps?.name);
      // One that took an engine with it is measured anew.
      const remembered = replica.trouble.suspect ? undefined : this.warmUps.of(version.digest, graph);
      replica.loaded = await this.inTurn(version, () =>
        engine.handle.load({ ...order, weightsDir, remembered, preparation, taps: taps?.envelope }),
      );
      this.warmUps.loaded(version.digest, graph, replica.loaded.warmUp);
      if (replica.loaded.prepared) prepared.keep(version.digest, replica.loaded.prepared, taps?.name);
    } catch (error) {
      pool.release(engine, number);
      if (!admittedBefore || toFailure(error).code !== 'UNSIGNED') throw error;
      admission.doubt(version.digest);
      return this.load(replica);
    } finally {
      // An engine that was killed left them; what is mapped needs no name.
      if (version.resources.some(({ name }) => isExternal(name)))
        void rm(weightsDir, { recursive: true, force: true });
    }
    engine.loaded(number, replica.loaded.rssGrowthBytes);
    if (replica.engine !== undefined) replica.leftEngine();
    replica.engine = engine;
    replica.state = 'ready';
    replica.reason = undefined;
  }

  /** Large ones one after the other: while the library makes its own of the bytes a model is in memory about twice, or written once to be mapped. */
  private inTurn<T>({ bytes }: VersionRecord, load: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_BYTES) return load();
    const next = this.lastLarge.then(load);
    this.lastLarge = next.catch(() => undefined);
    return next;
  }
}

/** A name of what a session is made of. Where the prepared graph turns out not to be what was written the signed one is taken, which has run before it. */
const graphOf = (preparation: Preparation | undefined, taps = ''): string =>
  `${preparation && 'take' in preparation ? preparation.take.digest : 'signed'} ${taps}`;
