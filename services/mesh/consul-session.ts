// Keeps a Consul session alive for the leases of a service: bound to a check that ends two seconds after the process does. Leases hold
// their locks with it. When Consul lost it (a restart, a pause of ours) the next one is made; nothing here throws.
import { toFailure } from '../../contracts/errors.js';
import { leaseService } from '../../contracts/presence.js';
import type { Clock } from './clock.js';
import type { ConsulAgent } from './consul-agent.js';
import { errorFields, type Log } from './log.js';

// Sessions with a TTL of their own take ten seconds at least; a check may take two.
const TTL_MS = 2_000;
const BEAT_MS = 500;
// After a session ends nobody gets its locks for this long, so that its last writes have arrived.
const LOCK_DELAY_MS = 1_000;

export interface ConsulSessionParts {
  readonly agent: ConsulAgent;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
  /** Whose leases: a process that holds two services has a session for each. */
  readonly service: string;
}

export class ConsulSession {
  /** Its check belongs to a service of its own, which its owner's token may register; a check of the node would take rights on the node. */
  private readonly serviceId: string;
  private readonly closing = new AbortController();
  private current: string | undefined;
  private checked = false;
  private reachable = true;

  constructor(private readonly parts: ConsulSessionParts) {
    this.serviceId = `lease:${parts.instance}.${parts.service}`;
    void this.beat();
  }

  private get checkId(): string {
    return `service:${this.serviceId}`;
  }

  /** Undefined while Consul is away, or has forgotten us and not been told again. */
  get id(): string | undefined {
    return this.current;
  }

  /** Consul says that this session is none any more; the next beat makes another. */
  forget(session: string): void {
    if (this.current === session) this.current = undefined;
  }

  /** Ends the session at once, and its locks are free without delay for none: release them first. */
  async close(): Promise<void> {
    this.closing.abort();
    const session = this.current;
    this.current = undefined;
    try {
      if (session !== undefined) await this.parts.agent.destroySession(session);
      if (this.checked) await this.parts.agent.deregisterService(this.serviceId);
    } catch (error) {
      this.parts.log.warn('lease.session.close.failed', errorFields(error));
    }
  }

  /**
   * A process that was killed and is back within the time of its check keeps that check alive, and with it the session and the
   * locks of its earlier life, which nobody would ever release.
   */
  private async endEarlierLives(): Promise<void> {
    const { agent } = this.parts;
    for (const session of await agent.sessionsNamed(this.serviceId)) await agent.destroySession(session);
  }

  private async register(): Promise<void> {
    const { agent, instance, service } = this.parts;
    const meta = { instance };
    await agent.registerService({
      id: this.serviceId,
      service: leaseService(service),
      tags: [],
      meta,
      ttlMs: TTL_MS,
    });
  }

  private async beat(): Promise<void> {
    const { agent, clock, log } = this.parts;
    while (!this.closing.signal.aborted) {
      try {
        if (this.checked) await agent.passCheck(this.checkId);
        else await this.register();
        this.checked = true;
        if (this.current === undefined && !this.closing.signal.aborted) {
          await this.endEarlierLives();
          this.current = await agent.createSession(this.serviceId, this.checkId, LOCK_DELAY_MS);
        }
        this.reachable = true;
      } catch (error) {
        if (toFailure(error).code === 'NOT_FOUND') this.checked = false;
        else if (this.reachable) {
          this.reachable = false;
          log.warn('lease.session.unreachable', errorFields(error));
        }
      }
      await clock.sleep(BEAT_MS, this.closing.signal).catch(() => undefined);
    }
  }
}
