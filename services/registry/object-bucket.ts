// One object store bucket at the level of its messages (NATS ADR-20), so that reads fail at once when the server goes and
// writes resume where they were cut off; the client's own object store does neither. Uploads are read, artifacts read and written.
import {
  jetstream,
  type JetStreamClient,
  jetstreamManager,
  type JetStreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
} from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { type Failure, failure } from '../../contracts/errors.js';
import type { Bus } from '../mesh/bus.js';

export interface StoredObject {
  readonly name: string;
  /** Its chunks lie under this. */
  readonly nuid: string;
  readonly bytes: number;
  readonly chunks: number;
}

export interface BucketPlace {
  readonly bucket: string;
  /** Of the region where the bucket lies, when that is another one. */
  readonly domain?: string;
  /** What nobody touched for so long is forgotten by JetStream itself. */
  readonly ttlMs?: number;
}

const TIMEOUT_MS = 4_000;
const NANOSECONDS = 1e6;

export class ObjectBucket {
  readonly js: JetStreamClient;

  /** Makes the bucket when it is missing. */
  static async open(bus: Bus, place: BucketPlace): Promise<ObjectBucket> {
    const options = { timeout: TIMEOUT_MS, ...(place.domain === undefined ? {} : { domain: place.domain }) };
    const opened = new ObjectBucket(
      bus,
      place.bucket,
      jetstream(bus.nc, { ...options }),
      await jetstreamManager(bus.nc, { ...options, checkAPI: false }),
    );
    await opened.ask(() =>
      new Objm(opened.js).create(
        place.bucket,
        place.ttlMs === undefined ? {} : { ttl: place.ttlMs * NANOSECONDS },
      ),
    );
    return opened;
  }

  private constructor(
    private readonly bus: Bus,
    readonly bucket: string,
    js: JetStreamClient,
    readonly manager: JetStreamManager,
  ) {
    this.js = js;
  }

  get stream(): string {
    return `OBJ_${this.bucket}`;
  }

  chunkSubject(nuid: string): string {
    return `$O.${this.bucket}.C.${nuid}`;
  }

  metaSubject(name: string): string {
    const encoded = Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `$O.${this.bucket}.M.${encoded}`;
  }

  async find(name: string): Promise<StoredObject | undefined> {
    const query = { last_by_subj: this.metaSubject(name) };
    const message = await this.ask(() => this.manager.streams.getMessage(this.stream, query));
    if (!message) return undefined;
    const info = message.json<{ nuid: string; size: number; chunks: number; deleted?: boolean }>();
    if (info.deleted === true) return undefined;
    return { name, nuid: info.nuid, bytes: info.size, chunks: info.chunks };
  }

  /** In order. Throws UNAVAILABLE when one is missing; whoever reads hashes what comes. */
  async *chunks({ name, nuid, chunks }: StoredObject, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let seq = 1;
    for (let index = 0; index < chunks; index++) {
      signal?.throwIfAborted();
      const query = { seq, next_by_subj: this.chunkSubject(nuid) };
      const message = await this.ask(() => this.manager.direct.getMessage(this.stream, query));
      if (!message)
        throw failure(
          'UNAVAILABLE',
          `Part ${index + 1} of ${chunks} of ${name} is gone from ${this.bucket}.`,
        );
      seq = message.seq + 1;
      yield message.data;
    }
  }

  /** Everything that the bucket refuses or does not answer is UNAVAILABLE, with the cause. */
  async ask<T>(call: () => Promise<T>): Promise<T> {
    // A publish on a connection that is down vanishes and a request waits out its time.
    if (!this.bus.connected()) throw this.unavailable();
    try {
      return await call();
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  private unavailable(cause?: unknown): Failure {
    const why =
      cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamNotFound
        ? 'does not exist'
        : 'cannot be reached';
    return failure('UNAVAILABLE', `The bucket ${this.bucket} ${why}.`, { bucket: this.bucket }, cause);
  }
}
