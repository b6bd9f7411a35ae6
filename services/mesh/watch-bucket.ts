// Follows a KV bucket for as long as the process lives: first what is in it, then every change. A lost connection or a restarted
// server costs nothing but time: the watch lists again, reports what changed meanwhile, deletions included, and nothing twice.
import type { KV, KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from '@nats-io/transport-node';
import type { Bus } from './bus.js';
import { type Clock, systemClock } from './clock.js';
import { type BucketEntry, KnownEntries } from './known-entries.js';
import { errorFields, type Log, silentLog } from './log.js';

export type { BucketEntry } from './known-entries.js';

export interface WatchOptions {
  /** The bucket of another region, watched there. */
  readonly domain?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Shared by two watches of the same entries. */
  readonly known?: KnownEntries;
  /** False for a copy that may lag: what it lacks is not gone. True when not given. */
  readonly complete?: boolean;
}

const RETRY_MS = 250;
// Watches have died in silence (nats.go#1777, nats.rs#1596): two checks in a row that find us behind, and we list again.
const CHECK_MS = 5_000;
// A leaf link that broke ends no connection of ours, so only asking tells: away once, and after the next answer we list again.
const CHECK_ACROSS_MS = 1_000;

/** Resolves once the first list is complete, or the signal aborts; never rejects. */
export function watchBucket(
  bus: Bus,
  bucket: string,
  onEntry: (entry: BucketEntry) => void,
  signal: AbortSignal,
  options: WatchOptions = {},
): Promise<void> {
  return new Promise((listed) => {
    const watch = new BucketWatch({ bus, bucket, onEntry, signal, listed }, options);
    signal.addEventListener('abort', () => listed(), { once: true });
    void watch.run();
  });
}

interface Parts {
  readonly bus: Bus;
  readonly bucket: string;
  readonly onEntry: (entry: BucketEntry) => void;
  readonly signal: AbortSignal;
  readonly listed: () => void;
}

class BucketWatch {
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly known: KnownEntries;
  private created: string | undefined;
  private lastRevision = 0;

  constructor(
    private readonly parts: Parts,
    private readonly options: WatchOptions,
  ) {
    this.clock = options.clock ?? systemClock;
    this.log = (options.log ?? silentLog).child({ bucket: parts.bucket });
    this.known = options.known ?? new KnownEntries();
  }

  async run(): Promise<void> {
    const { signal } = this.parts;
    let failing = false;
    while (!signal.aborted) {
      try {
        await this.follow();
        failing = false;
      } catch (error) {
        if (!failing && !signal.aborted) this.log.warn('bucket.watch.failed', errorFields(error));
        failing = true;
      }
      await this.clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  /** One watch, from its list to its end: the connection's, the check's or the signal's. */
  private async follow(): Promise<void> {
    const { bus, bucket, signal } = this.parts;
    const { domain } = this.options;
    const kv = await bus.kv(bucket, domain === undefined ? {} : { domain });
    const { values, streamInfo } = await kv.status();
    const upTo = streamInfo.state.last_seq;
    this.sameHistory(String(streamInfo.created));
    const entries = await kv.watch();
    let listing: Set<string> | undefined = new Set();
    const complete = (): void => {
      if (listing) this.complete(listing, upTo);
      listing = undefined;
    };
    const end = () => entries.stop();
    const stops = [bus.onStatus(end), this.check(kv, () => (listing ? 0 : this.lastRevision), end)];
    signal.addEventListener('abort', end, { once: true });
    try {
      if (values === 0) complete();
      for await (const entry of entries) {
        this.take(entry);
        listing?.add(entry.key);
        if (entry.isUpdate || entry.delta === 0) complete();
      }
    } finally {
      for (const stop of stops) stop();
      signal.removeEventListener('abort', end);
      end();
    }
  }

  private take({ key, revision, operation, value }: KvWatchEntry): void {
    this.lastRevision = Math.max(this.lastRevision, revision);
    const entry = { key, revision, value: operation === 'PUT' ? value : undefined };
    if (this.known.take(entry)) this.tell(entry);
  }

  private complete(listing: ReadonlySet<string>, upTo: number): void {
    // A purged stream keeps its last sequence without the message: what is not there is not behind.
    this.lastRevision = Math.max(this.lastRevision, upTo);
    if (this.options.complete ?? true) for (const gone of this.known.missing(listing, upTo)) this.tell(gone);
    this.parts.listed();
  }

  private tell(entry: BucketEntry): void {
    try {
      this.parts.onEntry(entry);
    } catch (error) {
      this.log.error('bucket.entry.failed', { key: entry.key, ...errorFields(error) });
    }
  }

  private sameHistory(created: string): void {
    if (this.created !== undefined && this.created !== created) {
      this.known.restart();
      this.lastRevision = 0;
    }
    this.created = created;
  }

  /** Ends a watch that is behind, or that was cut off and did not notice. */
  private check(kv: KV, at: () => number, end: QueuedIterator<KvWatchEntry>['stop']): () => void {
    let behind = 0;
    let away = false;
    const look = async (): Promise<void> => {
      const state = await kv.status().then(
        ({ streamInfo }) => streamInfo.state,
        () => undefined,
      );
      if (away && state) return end();
      away = state === undefined;
      behind = state && state.last_seq > at() ? behind + 1 : 0;
      if (behind < 2) return;
      this.log.warn('bucket.watch.behind', { at: at() });
      end();
    };
    const everyMs = this.options.domain === undefined ? CHECK_MS : CHECK_ACROSS_MS;
    return this.clock.every(everyMs, () => void look());
  }
}
