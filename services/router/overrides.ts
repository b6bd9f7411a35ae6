// The region's bucket of orders: every router of the region makes sure that it is there, tells in it what the region trusts, and
// takes operators' orders into it. Nothing here needs another region. Obeying is for whoever watches the bucket (override-watch.ts).
import type { KV } from '@nats-io/kv';
import { buckets, keys } from '../../contracts/buckets.js';
import { toFailure } from '../../contracts/errors.js';
import type { Envelope } from '../../contracts/manifest.js';
import type { OrderInForce, OverrideReply, OverridesReply } from '../../contracts/override.js';
import { backoffMs, RESTART_BACKOFF } from '../mesh/backoff.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import { keyOf, verifyOrder } from '../mesh/trust/order.js';
import type { OrderBook } from '../mesh/trust/order-book.js';
import type { Random } from '../mesh/random.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import type { TrustFiles } from '../mesh/trust/trust-files.js';

export interface OverridesParts {
  readonly bus: Bus;
  readonly book: OrderBook;
  readonly trust: TrustFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly tell: TellAudit;
}

const CONFIG = { history: 1, allow_direct: true } as const;
// A policy that changes is told to clients as soon as it counts here.
const TELL_TRUST_MS = 2_000;

export class Overrides {
  private readonly leaving = new AbortController();
  private told: Envelope | undefined;

  constructor(private readonly parts: OverridesParts) {
    void this.run();
  }

  /** Throws UNSIGNED for what nobody would obey and CONFLICT for what is older than what is known. */
  async give(envelope: Envelope): Promise<OverrideReply> {
    const { bus, book, clock, log, tell } = this.parts;
    const accepted = this.verified(envelope);
    const bucket = await this.bucket();
    // What this process obeys at once; the others follow when they hear of the record.
    const isNew = book.take(accepted, clock.now());
    await bucket.put(keyOf(accepted.order.target), JSON.stringify({ envelope }));
    if (isNew) {
      log.warn('override.given', logged(accepted));
      const { action, target, reason: why, expiresAt, nonce } = accepted.order;
      const { kind, ...named } = target;
      const about = { kind, ...named, region: bus.region, expiresAt, nonce };
      tell({ who: accepted.person, action: `order.${action}`, about, outcome: 'done', why });
    }
    return { accepted };
  }

  private verified(envelope: Envelope): OrderInForce {
    const { bus, trust, clock, tell } = this.parts;
    try {
      return verifyOrder(envelope, trust.current(), { region: bus.region, nowMs: clock.now() });
    } catch (error) {
      const about = { region: bus.region, key: envelope.signatures[0]?.keyid };
      const why = toFailure(error).message;
      tell({ who: 'unknown', action: 'order.forged', about, outcome: 'refused', why });
      throw error;
    }
  }

  list(): OverridesReply {
    const { bus, book, clock } = this.parts;
    return { region: bus.region, orders: book.inForce(bus.region, clock.now()) };
  }

  close(): void {
    this.leaving.abort();
  }

  private bucket(): Promise<KV> {
    const { bus } = this.parts;
    return bus.kv(buckets.overrides(bus.region), { create: CONFIG });
  }

  private async run(): Promise<void> {
    const { clock, random, log } = this.parts;
    const { signal } = this.leaving;
    for (let tries = 0; !signal.aborted;) {
      try {
        await this.tellTrust();
        tries = 0;
        await clock.sleep(TELL_TRUST_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (tries === 0) log.warn('overrides.waiting', errorFields(error));
        await clock.sleep(backoffMs(tries++, RESTART_BACKOFF, random), signal).catch(() => undefined);
      }
    }
  }

  private async tellTrust(): Promise<void> {
    const bucket = await this.bucket();
    const { documents } = this.parts.trust;
    if (!documents || documents.policy === this.told) return;
    await bucket.put(keys.trust(), JSON.stringify(documents));
    this.told = documents.policy;
  }
}

const logged = ({ order, person }: OrderInForce) => {
  const { action, target, reason, expiresAt, nonce } = order;
  return { action, target, reason, person, expiresAt, nonce };
};
