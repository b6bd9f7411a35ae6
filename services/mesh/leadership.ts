// Of all instances of a service one leads. This holds the lease and runs the leader's duties for as long as it does; every instance
// answers requests, leading or not. Registries and autoscalers lean on it.
import { errorFields, type Log } from './log.js';
import type { Clock } from './clock.js';
import type { Leases } from './lease.js';

export interface LeadershipParts {
  readonly leases: Pick<Leases, 'acquire' | 'close'>;
  /** The lease's name: that of the service. */
  readonly lease: string;
  /** All end with the signal; when one fails, the term is over. A duty with nothing to do (no other region) may end early. */
  readonly duties: (epoch: number, signal: AbortSignal) => readonly Promise<void>[];
  readonly clock: Clock;
  readonly log: Log;
}

// A term that ends with an error must not be followed by the next one without pause.
const PAUSE_MS = 500;

export class Leadership {
  private readonly closing = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: LeadershipParts) {}

  /** In the background: waiting for the lease may take for ever. */
  begin(): void {
    this.running = this.run();
  }

  /** Gives the lease back, so that the next one leads at once. */
  async end(): Promise<void> {
    this.closing.abort();
    await this.running;
    await this.parts.leases.close();
  }

  private async run(): Promise<void> {
    const { clock, log } = this.parts;
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        await this.term(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('leadership.ended', errorFields(error));
        await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
      }
    }
  }

  private async term(signal: AbortSignal): Promise<void> {
    const lease = await this.parts.leases.acquire(this.parts.lease, signal);
    const over = new AbortController();
    const duties = this.parts.duties(lease.epoch, AbortSignal.any([signal, lease.lost, over.signal]));
    try {
      await Promise.all(duties);
    } finally {
      over.abort();
      await Promise.allSettled(duties);
      await lease.release();
    }
  }
}
