// The client's connections: one to each region it was told of, nearest first. A region that is away when the client starts is
// tried until it comes; one that goes away later reconnects by itself. Whoever asks gets the nearest that is there.
import type { z } from 'zod';
import { Failure, failure } from '../contracts/errors.js';
import { backoffMs, type Backoff } from '../services/mesh/backoff.js';
import { type Bus, connectBus } from '../services/mesh/bus.js';
import type { Clock } from '../services/mesh/clock.js';
import { connectFailure } from '../services/mesh/request-failure.js';
import type { Random } from '../services/mesh/random.js';

export interface ConnectionOptions {
  /** One NATS server a region, nearest first. */
  readonly urls: readonly string[];
  /** How the servers' connection lists call us. */
  readonly name: string;
  /** The file of our key on the bus. */
  readonly key?: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

const AGAIN: Backoff = { firstMs: 100, maxMs: 2_000, jitter: 0.3 };
/** Once the first region has answered, the others get this long to be there from the start too. */
const GRACE_MS = 150;

export class Connections {
  private readonly byUrl = new Map<string, Bus>();
  private readonly closing = new AbortController();
  /** Why the last try failed. */
  private refused: unknown;
  private readonly joined = new Set<(bus: Bus) => void>();

  /** Returns as soon as one region answers. */
  static async open(options: ConnectionOptions): Promise<Connections> {
    const connections = new Connections(options);
    const tries = options.urls.map((url) => connections.join(url));
    try {
      await Promise.race([Promise.any(tries), connections.tooLate()]);
      await Promise.race([Promise.allSettled(tries), options.clock.sleep(GRACE_MS)]);
      return connections;
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  private constructor(private readonly options: ConnectionOptions) {}

  /** Those that were reached at least once, nearest first. */
  all(): Bus[] {
    return this.options.urls.flatMap((url) => this.byUrl.get(url) ?? []);
  }

  connected(): Bus[] {
    return this.all().filter((bus) => bus.connected());
  }

  /** Calls for every region that is there and every one that comes. */
  onJoin(call: (bus: Bus) => void): void {
    this.joined.add(call);
    this.all().forEach(call);
  }

  /** A control message to whoever answers it, through the nearest region that reaches one. */
  request<T>(subject: string, schema: z.ZodType<T>, body: unknown, timeoutMs: number): Promise<T> {
    return this.nearest((bus) => bus.request(subject, schema, body, { timeoutMs }));
  }

  /** Asks region after region until one is not unavailable. */
  async nearest<T>(ask: (bus: Bus) => Promise<T>): Promise<T> {
    let last: unknown = connectFailure(this.options.urls, this.refused);
    for (const bus of this.connected()) {
      try {
        return await ask(bus);
      } catch (error) {
        if (!(error instanceof Failure && error.code === 'UNAVAILABLE')) throw error;
        last = error;
      }
    }
    throw last;
  }

  async close(): Promise<void> {
    this.closing.abort(failure('UNAVAILABLE', 'The client was closed.'));
    await Promise.all(this.all().map((bus) => bus.drain()));
  }

  private async join(url: string): Promise<void> {
    const { name, key, clock, random } = this.options;
    for (let again = 0; !this.closing.signal.aborted; again++) {
      try {
        const bus = await connectBus({ url, key, name, waitOnFirstConnect: false });
        if (this.closing.signal.aborted) return await bus.drain();
        this.byUrl.set(url, bus);
        for (const call of this.joined) call(bus);
        return;
      } catch (error) {
        this.refused = error;
        // Not there yet. Closing ends the sleep, and with it the tries.
        await clock.sleep(backoffMs(again, AGAIN, random), this.closing.signal).catch(() => undefined);
      }
    }
  }

  private async tooLate(): Promise<never> {
    const { clock, timeoutMs, urls } = this.options;
    await clock.sleep(timeoutMs, this.closing.signal);
    throw connectFailure(urls, this.refused);
  }
}
