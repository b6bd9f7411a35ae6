// At most one process does it: leaders, releases and jobs hold a lease. Consul's lock says who may try, since it sees a dead
// process within seconds; a JetStream KV revision won by compare-and-set is the epoch that fences writes, since a Consul lock index
// can go back after a restart. While one of the two is away the holder goes on with the other, and nobody takes over.
import assert from 'node:assert';
import { keyPart } from '../../contracts/names.js';
import { ConsulSession } from './consul-session.js';
import { nextIndex } from './discovery.js';
import {
  EpochRecord,
  HeldLease,
  isInvalidSession,
  type Lease,
  type LeasesParts,
  lockKey,
} from './held-lease.js';
import { errorFields } from './log.js';

export type { Lease, LeasesParts } from './held-lease.js';

// A holder renews twice in this time. One that does is alive, whatever Consul thinks of it.
const QUIET_MS = 1_200;
const RETRY_MS = 250;
const WAIT_MS = 10_000;

/** All leases of a service in a process; one session keeps them. */
export class Leases {
  private readonly session: ConsulSession;
  private readonly keys = new Set<string>();

  constructor(private readonly parts: LeasesParts) {
    this.session = new ConsulSession(parts);
  }

  /** Waits until this process holds it; rejects with the signal's reason when that comes first. Keys are per region. */
  async acquire(key: string, signal: AbortSignal): Promise<Lease> {
    assert(!this.keys.has(key), `this process holds or awaits the lease ${key} already`);
    this.keys.add(key);
    try {
      const epoch = await this.contend(key, signal);
      this.parts.log.info('lease.acquired', { key, epoch });
      return new HeldLease(this.parts, this.session, key, epoch, () => this.keys.delete(key));
    } catch (error) {
      this.keys.delete(key);
      throw error;
    }
  }

  /** Release what is held first. */
  async close(): Promise<void> {
    await this.session.close();
  }

  private async contend(key: string, signal: AbortSignal): Promise<number> {
    const { agent, clock, log } = this.parts;
    let index = 0n;
    let failing = false;
    for (;;) {
      signal.throwIfAborted();
      const session = this.session.id;
      try {
        if (session !== undefined) {
          const lock = await agent.lockHolder(lockKey(key), { index, waitMs: WAIT_MS, signal });
          index = nextIndex(index, lock.index);
          failing = false;
          if (lock.value === undefined || lock.value === session) {
            const epoch = await this.tryOnce(key, session, signal);
            if (epoch !== undefined) return epoch;
            index = 0n;
          }
        }
      } catch (error) {
        signal.throwIfAborted();
        if (session !== undefined && isInvalidSession(error)) this.session.forget(session);
        else if (!failing) log.warn('lease.contend.failed', { key, ...errorFields(error) });
        failing = true;
        index = 0n;
      }
      await clock.sleep(RETRY_MS, signal);
    }
  }

  /** First the lock, then the epoch; without the second the first is given back. */
  private async tryOnce(key: string, session: string, signal: AbortSignal): Promise<number | undefined> {
    const { agent, instance } = this.parts;
    if (!(await agent.acquire(lockKey(key), session, instance))) return undefined;
    const epoch = await this.takeEpoch(key, signal).catch(async (error: unknown) => {
      await agent.release(lockKey(key), session);
      throw error;
    });
    if (epoch === undefined) await agent.release(lockKey(key), session);
    return epoch;
  }

  private async takeEpoch(key: string, signal: AbortSignal): Promise<number | undefined> {
    const { epochs, instance, clock } = this.parts;
    const record = JSON.stringify({ holder: instance, epoch: 0 } satisfies EpochRecord);
    const before = await epochs.get(keyPart(key));
    if (before === null || before.operation !== 'PUT')
      return casOrUndefined(epochs.create(keyPart(key), record));
    // A holder that still renews moves the record meanwhile, and the write below is refused.
    if (!EpochRecord.parse(before.json()).released) await clock.sleep(QUIET_MS, signal);
    return casOrUndefined(epochs.update(keyPart(key), record, before.revision));
  }
}

/** The revision won; undefined when somebody else wrote first. */
async function casOrUndefined(write: Promise<number>): Promise<number | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof Error && /wrong last sequence/.test(error.message)) return undefined;
    throw error;
  }
}
