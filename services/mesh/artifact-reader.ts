// Reads resources by digest from a region's object store, at the level of its messages (NATS ADR-20): each part is one request
// with a time limit, so a server that goes away fails a read instead of holding it. The shards' artifact caches and the client ask.
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { failure, type Failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import type { Bus } from './bus.js';

export interface StorePlace {
  readonly bucket: string;
  /** Of the region where the bucket lies, when that is another one. */
  readonly domain?: string;
}

const TIMEOUT_MS = 4_000;

export class ArtifactReader {
  private manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly bus: Bus,
    readonly place: StorePlace,
  ) {}

  /** In order. Throws UNAVAILABLE when it is not there or cannot be reached; whoever reads hashes what comes. */
  async *read(digest: Digest): AsyncGenerator<Uint8Array> {
    const { bucket } = this.place;
    const meta = `$O.${bucket}.M.${Buffer.from(digest).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;
    const named = await this.ask((manager) =>
      manager.streams.getMessage(`OBJ_${bucket}`, { last_by_subj: meta }),
    );
    const info = named?.json<{ nuid: string; chunks: number; deleted?: boolean }>();
    if (info === undefined || info.deleted === true) throw this.unavailable(`has no artifact ${digest}`);
    const subject = `$O.${bucket}.C.${info.nuid}`;
    for (let part = 0, seq = 1; part < info.chunks; part++) {
      const query = { seq, next_by_subj: subject };
      const message = await this.ask((manager) => manager.direct.getMessage(`OBJ_${bucket}`, query));
      if (!message) throw this.unavailable(`lost part ${part + 1} of ${info.chunks} of ${digest}`);
      seq = message.seq + 1;
      yield message.data;
    }
  }

  private async ask<T>(call: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    // On a connection that is down a request would wait out its time.
    if (!this.bus.connected()) throw this.unavailable('cannot be reached');
    const { domain } = this.place;
    const options = { timeout: TIMEOUT_MS, checkAPI: false, ...(domain === undefined ? {} : { domain }) };
    this.manager ??= jetstreamManager(this.bus.nc, options);
    try {
      return await call(await this.manager);
    } catch (cause) {
      this.manager = undefined; // a failed opening is not remembered
      throw this.unavailable('cannot be reached', cause);
    }
  }

  private unavailable(why: string, cause?: unknown): Failure {
    const { bucket } = this.place;
    return failure('UNAVAILABLE', `The object store ${bucket} ${why}.`, { bucket }, cause);
  }
}
