// A KV bucket kept in memory, and written on one condition: that nothing in it has changed since what the decision looked at.
// The stream's own sequence is that condition, so two registries never decide on different pasts, and rules across keys (one
// label, one version) hold without locks. Catalog and placer lean on it.
import { DeliverPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { type Failure, failure } from '../../contracts/errors.js';
import type { Bus } from './bus.js';
import { isLostRace } from './lost-race.js';

export interface LogEntry {
  readonly key: string;
  /** Parsed JSON; undefined when the key was deleted. */
  readonly value: unknown;
  readonly revision: number;
}

export interface Change {
  readonly key: string;
  /** Undefined deletes the key. */
  readonly value: unknown;
}

export interface Decision<T> {
  /** Without one nothing is written, and the result stands as of the revision it was decided on. */
  readonly change?: Change;
  readonly result: T;
}

/** What takes the entries in: told everything once, in order, and to begin anew when the bucket did. */
export interface BucketState {
  apply(entry: LogEntry): void;
  reset(): void;
}

const TIMEOUT_MS = 2_000;
// Every lost race means that somebody else's write went through; so many in a row are a storm, and the caller may come again.
const RACES_MAX = 64;
/** Of a registry that begins with ten thousand models each entry would be a round trip. */
const ONE_BY_ONE_MAX = 64;
const FETCHED = 1_000;

export class BucketLog {
  private sequence = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private nextLook: Promise<boolean> | undefined;
  private readonly listeners: (() => void)[] = [];

  static async open(bus: Bus, bucket: string, state: BucketState): Promise<BucketLog> {
    await bus.kv(bucket, { create: {} });
    const manager = await jetstreamManager(bus.nc, { checkAPI: false, timeout: TIMEOUT_MS });
    const log = new BucketLog(bus, manager, bucket, state);
    await log.refresh();
    return log;
  }

  private constructor(
    private readonly bus: Bus,
    private readonly manager: JetStreamManager,
    private readonly bucket: string,
    private readonly state: BucketState,
  ) {}

  /** Calls after every write that is taken in, ours and others', when the log hears of it. */
  onChange(call: () => void): void {
    this.listeners.push(call);
  }

  /** Of the last write that was taken in. */
  get revision(): number {
    return this.sequence;
  }

  /** Afterwards the state holds every write that was acknowledged before the call, whoever made it. True when that was news. */
  refresh(): Promise<boolean> {
    // Who asks before a look has begun is served by it.
    this.nextLook ??= this.inTurn(() => {
      this.nextLook = undefined;
      return this.catchUp();
    });
    return this.nextLook;
  }

  /** Decides on the newest state and writes; when somebody else wrote meanwhile, decides anew. What `decide` throws is thrown. */
  transact<T>(decide: () => Decision<T>): Promise<T> {
    return this.inTurn(async () => {
      // Mostly nobody else wrote since, and the condition on the write says so: that spares a look. Whatever is no write needs the look.
      const early = attempt(decide);
      if (early?.change && (await this.write(early.change))) return early.result;
      for (let race = 0; race < RACES_MAX; race++) {
        await this.catchUp();
        const { change, result } = decide();
        if (!change || (await this.write(change))) return result;
      }
      throw failure('CONFLICT', `Too many others write to ${this.bucket}.`, { bucket: this.bucket });
    });
  }

  /** Asks the stream's leader, never a mirror or a direct get: those may be behind what was acknowledged. */
  private async catchUp(): Promise<boolean> {
    const before = this.sequence;
    const { state } = await this.ask(() => this.manager.streams.info(this.stream));
    if (state.last_seq < this.sequence) {
      // The bucket was lost and made again: what we know is of another life.
      this.state.reset();
      this.sequence = 0;
    }
    if (state.last_seq - this.sequence > ONE_BY_ONE_MAX) await this.readMany(state.last_seq);
    while (this.sequence < state.last_seq) {
      const next = { seq: this.sequence + 1, next_by_subj: this.subject('>') };
      const message = await this.ask(() => this.manager.streams.getMessage(this.stream, next));
      // Messages that were overwritten leave gaps, also at the end.
      if (message && message.seq <= state.last_seq) {
        const key = message.subject.slice(this.subject('').length);
        const deleted = (message.header.get('KV-Operation') || 'PUT') !== 'PUT';
        this.take(key, deleted ? undefined : parse(message.string()), message.seq);
      } else this.sequence = state.last_seq;
    }
    return this.sequence !== before;
  }

  /** Thousands at once, through an ordered consumer of the stream's leader; what it did not bring is read one by one. */
  private async readMany(upTo: number): Promise<void> {
    const start = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.sequence + 1 };
    const consumer = await this.ask(() => this.bus.js.consumers.get(this.stream, start));
    for (let more = true; more;) {
      more = false;
      const batch = await this.ask(() => consumer.fetch({ max_messages: FETCHED, expires: TIMEOUT_MS }));
      for await (const message of batch) {
        if (message.seq > upTo) break;
        const deleted = (message.headers?.get('KV-Operation') || 'PUT') !== 'PUT';
        const key = message.subject.slice(this.subject('').length);
        this.take(key, deleted ? undefined : parse(message.string()), message.seq);
        more = message.info.pending > 0 && message.seq < upTo;
        if (message.info.pending === 0) break;
      }
    }
    await consumer.delete().catch(() => undefined);
  }

  /** False when somebody else wrote first. */
  private async write({ key, value }: Change): Promise<boolean> {
    const headers = natsHeaders();
    if (value === undefined) headers.set('KV-Operation', 'DEL');
    const body = value === undefined ? '' : JSON.stringify(value);
    const options = { headers, timeout: TIMEOUT_MS, expect: { lastSequence: this.sequence } };
    try {
      const { seq } = await this.ask(() => this.bus.js.publish(this.subject(key), body, options));
      this.take(key, value, seq);
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  }

  private take(key: string, value: unknown, revision: number): void {
    this.sequence = revision;
    this.state.apply({ key, value, revision });
    for (const call of this.listeners) call();
  }

  private get stream(): string {
    return `KV_${this.bucket}`;
  }

  private subject(key: string): string {
    return `$KV.${this.bucket}.${key}`;
  }

  private async ask<T>(call: () => Promise<T>): Promise<T> {
    // A publish on a connection that is down vanishes and a request waits out its time.
    if (!this.bus.connected()) throw this.unavailable();
    try {
      return await call();
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  private unavailable(cause?: unknown): Failure {
    return failure(
      'UNAVAILABLE',
      `The bucket ${this.bucket} cannot be reached.`,
      { bucket: this.bucket },
      cause,
    );
  }

  /** One after the other: two decisions of one process would only lose races against each other. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work, work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

/** What is refused on what we know may be allowed by what others wrote since. */
function attempt<T>(decide: () => Decision<T>): Decision<T> | undefined {
  try {
    return decide();
  } catch {
    return undefined;
  }
}

/** Bytes that are no JSON count as null, which no schema accepts: one broken record must not hide those after it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
