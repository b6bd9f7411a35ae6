// The audit log as it lies in JetStream: a stream that refuses deletion, one message an entry, sequence = index + 1. Every append names the
// sequence that it expects to follow, so two auditors cannot fork it: who comes second reads what the first wrote and goes on behind it.
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { streams } from '../../contracts/buckets.js';
import type { AuditEntry, AuditEvent } from '../../contracts/audit.js';
import { failure } from '../../contracts/errors.js';
import { subjects } from '../../contracts/subjects.js';
import { AuditChain } from '../mesh/audit/chain.js';
import type { Bus } from '../mesh/bus.js';
import { errorFields, type Log } from '../mesh/log.js';

export interface Incoming {
  readonly event: AuditEvent;
  readonly intake?: number;
}

export interface AuditLogOptions {
  readonly bus: Bus;
  readonly region: string;
  readonly log: Log;
  /** Told of every entry, its own and others', once and in order. */
  readonly onEntry?: (entry: AuditEntry) => void;
}

/** In flight at once: acknowledgements come in the order of the entries. */
const BATCH_MAX = 256;
const PUBLISH_MS = 2_000;
const READ_MS = 5_000;
const TRIES = 3;

export class AuditLog {
  readonly chain = new AuditChain();
  /** The highest intake number that was written: what came before it is not written again. */
  lastIntake = 0;
  private recent: AuditEntry[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { bus, region } = options;
    const manager = await jetstreamManager(bus.nc);
    await manager.streams.add({
      name: streams.auditLog(region),
      subjects: [subjects.auditLog()],
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
    });
    const audit = new AuditLog(options, manager);
    await audit.catchUp();
    return audit;
  }

  private constructor(
    private readonly options: AuditLogOptions,
    private readonly manager: JetStreamManager,
  ) {}

  /** Returns when all of them are stored. Throws UNAVAILABLE when that cannot be said; what was stored is known after the next append. */
  append(incoming: readonly Incoming[]): Promise<void> {
    const result = this.turn.then(() => this.appendNow(incoming));
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** The texts of the entries as they were hashed. */
  async read(from: number, count: number): Promise<string[]> {
    const texts: string[] = [];
    const wanted = Math.min(count, this.chain.size - from);
    if (wanted <= 0) return texts;
    for await (const text of this.stored(from, wanted)) texts.push(text);
    return texts;
  }

  private async appendNow(incoming: readonly Incoming[]): Promise<void> {
    let left = [...incoming];
    for (let tries = 0; left.length > 0;) {
      const before = this.chain.size;
      try {
        const batch = left.slice(0, BATCH_MAX);
        await this.publish(batch);
        left = left.slice(batch.length);
        tries = 0;
      } catch (error) {
        if (++tries >= TRIES) throw unavailable(error);
        this.options.log.warn('audit.append.again', errorFields(error));
        await this.catchUp();
        // What of ours is stored after all is not sent again: the first of the batch, if any.
        const gained = this.chain.size - before;
        left = notAmong(gained > 0 ? this.recent.slice(-gained) : [], left);
        // Somebody else was faster, and the log grew: that is no failure.
        if (gained > 0) tries = 0;
      }
    }
  }

  private async publish(batch: readonly Incoming[]): Promise<void> {
    const { bus } = this.options;
    const start = this.chain.size;
    const draft = this.chain.fork();
    const texts = batch.map(({ event, intake }) => draft.extend(event, intake));
    const acks = texts.map((text, i) =>
      bus.js.publish(subjects.auditLog(), text, {
        expect: { lastSequence: start + i },
        timeout: PUBLISH_MS,
      }),
    );
    // All have ended, well or not, before anything is decided.
    const settled = await Promise.allSettled(acks);
    for (const [i, ack] of settled.entries()) {
      if (ack.status === 'rejected') throw ack.reason;
      this.take(texts[i] as string);
    }
  }

  /** Reads what others, or we in an earlier life, have written since. */
  private async catchUp(): Promise<void> {
    const info = await this.manager.streams.info(streams.auditLog(this.options.region));
    const missing = info.state.last_seq - this.chain.size;
    if (missing <= 0) return;
    for await (const text of this.stored(this.chain.size, missing)) this.take(text);
  }

  private take(text: string): void {
    const taken = this.chain.take(text);
    if ('wrong' in taken)
      throw failure('INTERNAL', `The audit log is broken: entry ${this.chain.size} ${taken.wrong}.`);
    const { entry } = taken;
    this.lastIntake = Math.max(this.lastIntake, entry.intake ?? 0);
    this.recent.push(entry);
    if (this.recent.length > 2 * BATCH_MAX) this.recent.splice(0, BATCH_MAX);
    this.options.onEntry?.(entry);
  }

  private async *stored(from: number, count: number): AsyncGenerator<string> {
    const { bus, region } = this.options;
    const stream = streams.auditLog(region);
    const { name } = await this.manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from + 1,
      mem_storage: true,
      inactive_threshold: 30_000_000_000,
    });
    const consumer = await bus.js.consumers.get(stream, name);
    try {
      for (let left = count; left > 0;) {
        const messages = await consumer.fetch({ max_messages: Math.min(left, BATCH_MAX), expires: READ_MS });
        let got = 0;
        for await (const message of messages) {
          got++;
          yield message.string();
        }
        if (got === 0) throw failure('UNAVAILABLE', 'The audit log cannot be read just now.');
        left -= got;
      }
    } finally {
      await consumer.delete().catch(() => undefined);
    }
  }
}

/** Ours are stored in their order, with those of others between them. */
function notAmong(stored: readonly AuditEntry[], left: readonly Incoming[]): Incoming[] {
  let own = 0;
  for (const entry of stored) {
    const next = left[own];
    if (next && entry.intake === next.intake && sameEvent(entry, next.event)) own++;
  }
  return left.slice(own);
}

const sameEvent = (entry: AuditEntry, event: AuditEvent): boolean =>
  entry.at === event.at &&
  entry.source === event.source &&
  entry.action === event.action &&
  entry.why === event.why &&
  JSON.stringify(entry.about) === JSON.stringify(event.about);

const unavailable = (cause: unknown) =>
  failure(
    'UNAVAILABLE',
    'The audit log did not acknowledge in time; what was told waits in the intake.',
    {},
    cause,
  );
