// The auditor's word against a version: a signed order for each region, given to a router there, which keeps it in the region's bucket. Shards end
// its engines, routers send nobody there, the registry lets the last good version stand in. A person lifts it with `massif override lift`.
import type { KeyObject } from 'node:crypto';
import { nuid } from '@nats-io/transport-node';
import type { Digest } from '../../../contracts/names.js';
import { type Order, type OrderTarget, OverrideReply } from '../../../contracts/override.js';
import { subjects } from '../../../contracts/subjects.js';
import { backoffMs, RESTART_BACKOFF } from '../../mesh/backoff.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { signOrder } from '../../mesh/trust/order.js';
import type { Random } from '../../mesh/random.js';

export interface StopOrdersParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly regions: readonly string[];
  /** Ed25519, of an operator of the trust policy. */
  readonly key: KeyObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Until a person has looked. */
const ORDER_MS = 24 * 3_600_000;
const TIMEOUT_MS = 2_000;
const TRIES = 8;

export class StopOrders {
  constructor(private readonly parts: StopOrdersParts) {}

  /** Regions that took the order. Never rejects. */
  kill(model: string, version: Digest, reason: string, signal: AbortSignal): Promise<string[]> {
    return this.end({ kind: 'version', model, version }, reason, signal);
  }

  /** Regions that took the order. Never rejects. */
  async end(target: OrderTarget, reason: string, signal: AbortSignal): Promise<string[]> {
    const { regions, clock } = this.parts;
    const now = clock.now();
    const order = {
      sequence: now,
      target,
      action: 'kill',
      reason: reason.slice(0, 500),
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + ORDER_MS).toISOString(),
    } as const;
    const taken = await Promise.all(
      regions.map((region) => this.give({ ...order, nonce: nuid.next(), region }, signal)),
    );
    return regions.filter((_, i) => taken[i]);
  }

  private async give(order: Order, signal: AbortSignal): Promise<boolean> {
    const { bus, key, clock, random, log } = this.parts;
    const body = { envelope: signOrder(order, key) };
    for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
      try {
        await bus.request(subjects.override(order.region), OverrideReply, body, { timeoutMs: TIMEOUT_MS });
        return true;
      } catch (error) {
        log.warn('auditor.order.not-given', { region: order.region, ...errorFields(error) });
        await clock.sleep(backoffMs(tries, RESTART_BACKOFF, random), signal).catch(() => undefined);
      }
    }
    return false;
  }
}
