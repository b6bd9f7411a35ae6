// A lease in hand: renews its epoch record twice a second, takes Consul's lock again when Consul lost it, and says so when another
// holder may exist. lease.ts wins it.
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { failure, toFailure } from '../../contracts/errors.js';
import { keyPart } from '../../contracts/names.js';
import { lockPrefix } from '../../contracts/presence.js';
import type { Clock } from './clock.js';
import type { ConsulAgent } from './consul-agent.js';
import type { ConsulSession } from './consul-session.js';
import { errorFields, type Log } from './log.js';

export interface Lease {
  readonly key: string;
  /** Higher than that of any holder before: a resource refuses writes with a lower one than it has seen. */
  readonly epoch: number;
  /** Aborts, with LEASE_LOST as its reason, when another holder may exist. */
  readonly lost: AbortSignal;
  onLost(call: () => void): void;
  /** Gives it up; the next holder needs no delay. */
  release(): Promise<void>;
}

export interface LeasesParts {
  readonly agent: ConsulAgent;
  /** The bucket of epochs: `bus.kv(buckets.leases(home))`. */
  readonly epochs: KV;
  /** Unique among all that contend. */
  readonly instance: string;
  /** Whose leases they are; its token holds the locks. */
  readonly service: string;
  readonly clock: Clock;
  readonly log: Log;
}

const RENEW_MS = 500;
// With neither Consul nor NATS the holder gives up before Consul can have given its lock to another: check 2 s, lock delay 1 s.
const BLIND_MS_MAX = 2_500;

export const EpochRecord = z.object({
  holder: z.string(),
  /** 0 in the record that won: the epoch is that record's own revision. */
  epoch: z.int(),
  released: z.boolean().optional(),
});
export type EpochRecord = z.infer<typeof EpochRecord>;

export class HeldLease implements Lease {
  private readonly end = new AbortController();
  private readonly stopped = new AbortController();
  private readonly renewing: Promise<void>;
  private revision: number;

  constructor(
    private readonly parts: LeasesParts,
    private readonly session: ConsulSession,
    readonly key: string,
    readonly epoch: number,
    private readonly over: () => void,
  ) {
    this.revision = epoch;
    this.renewing = this.renew();
  }

  get lost(): AbortSignal {
    return this.end.signal;
  }

  onLost(call: () => void): void {
    if (this.lost.aborted) call();
    else this.lost.addEventListener('abort', call, { once: true });
  }

  async release(): Promise<void> {
    const { agent, log } = this.parts;
    this.stopped.abort();
    await this.renewing;
    this.over();
    if (this.lost.aborted) return;
    try {
      await this.write(true);
      if (this.session.id !== undefined) await agent.release(lockKey(this.key), this.session.id);
    } catch (error) {
      // The session's end frees the lock, a little later.
      log.warn('lease.release.failed', { key: this.key, ...errorFields(error) });
    }
  }

  private async renew(): Promise<void> {
    const { clock, log } = this.parts;
    let seenMs = clock.monotonicMs();
    let before: string | undefined;
    while (!this.stopped.signal.aborted) {
      const begunMs = clock.monotonicMs();
      const [epoch, lock] = await Promise.all([this.renewEpoch(), this.holdsLock()]);
      if (epoch === 'taken') return this.lose('another process has a higher epoch');
      if (epoch === 'renewed' || lock) seenMs = begunMs;
      else if (clock.monotonicMs() - seenMs > BLIND_MS_MAX)
        return this.lose('neither Consul nor NATS can be reached');
      const sight = `epoch ${epoch}, lock ${lock ? 'held' : 'not seen'}`;
      if (sight !== before) log.info('lease.sight', { key: this.key, sight });
      before = sight;
      await clock.sleep(RENEW_MS, this.stopped.signal).catch(() => undefined);
    }
  }

  private lose(why: string): void {
    this.over();
    this.parts.log.warn('lease.lost', { key: this.key, epoch: this.epoch, why });
    // Who takes the epoch may not have the lock yet; ours must not stand in its way.
    const session = this.session.id;
    if (session !== undefined) this.parts.agent.release(lockKey(this.key), session).catch(() => undefined);
    this.end.abort(failure('LEASE_LOST', `The lease ${this.key} is lost: ${why}.`, { key: this.key }));
  }

  private async renewEpoch(): Promise<'renewed' | 'taken' | 'away'> {
    try {
      await this.write(false);
      return 'renewed';
    } catch {
      return (await this.isOurs().catch(() => true)) ? 'away' : 'taken';
    }
  }

  private async write(released: boolean): Promise<void> {
    const record: EpochRecord = { holder: this.parts.instance, epoch: this.epoch, released };
    const written = this.parts.epochs.update(
      keyPart(this.key),
      JSON.stringify(record),
      this.revision,
      RENEW_MS * 2,
    );
    this.revision = await written;
  }

  /** After a refused or unanswered write: the record may be ours all the same, when only the acknowledgement was lost. */
  private async isOurs(): Promise<boolean> {
    const entry = await this.parts.epochs.get(keyPart(this.key));
    if (entry === null || entry.operation !== 'PUT') return false;
    const { holder, epoch } = EpochRecord.parse(entry.json());
    const ours = holder === this.parts.instance && (epoch === this.epoch || entry.revision === this.epoch);
    if (ours) this.revision = entry.revision;
    return ours;
  }

  /** Takes the lock again when Consul lost it, as after a restart. */
  private async holdsLock(): Promise<boolean> {
    const { agent, instance } = this.parts;
    const session = this.session.id;
    if (session === undefined) return false;
    try {
      const now = { index: 0n, waitMs: 1, signal: this.stopped.signal };
      const { value } = await agent.lockHolder(lockKey(this.key), now);
      return (
        value === session ||
        (value === undefined && (await agent.acquire(lockKey(this.key), session, instance)))
      );
    } catch (error) {
      if (isInvalidSession(error)) this.session.forget(session);
      return false;
    }
  }
}

export const lockKey = (key: string): string => `${lockPrefix}${keyPart(key)}`;

export const isInvalidSession = (error: unknown): boolean =>
  /invalid session/i.test(toFailure(error).message);
