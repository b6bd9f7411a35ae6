// The orders of safety that a process knows, of all regions it hears. The most restrictive counts: what any region withholds is
// withheld, and kill goes before quarantine. A newer order about the same thing in the same region takes the older one's place, and
// never the other way round: an order that is played again is recognised by its sequence.
import { failure } from '../../../contracts/errors.js';
import type { Digest } from '../../../contracts/names.js';
import { type Order, ORDER_DAYS_MAX, type OrderInForce, ORDERS_MAX } from '../../../contracts/override.js';
import type { OrdersOn } from './orders-on.js';
import { keyOf } from './order.js';

/** Older orders about the same thing have ended by then, so what came before need not be remembered longer. */
const REMEMBERED_MS = ORDER_DAYS_MAX * 86_400_000;

interface ArmOrder {
  readonly why: string;
  readonly fallback?: string | undefined;
}

export class OrderBook implements OrdersOn {
  /** By region, by target; lifted and ended ones too, for their sequence. */
  private readonly known = new Map<string, Map<string, OrderInForce>>();
  private versions = new Map<Digest, { readonly why: string; readonly kill: boolean }>();
  private arms = new Map<string, ArmOrder>();
  private shards = new Map<string, { readonly why: string; readonly kill: boolean }>();
  private revoked: readonly { readonly version: Digest; readonly reason: string }[] = [];
  private print = '';
  private readonly listeners = new Set<() => void>();

  /** Calls whenever something else is withheld than before; returns the end of that. */
  onChange(call: () => void): () => void {
    this.listeners.add(call);
    return () => void this.listeners.delete(call);
  }

  /**
   * A verified order. False: it is known. Throws CONFLICT for one that is older than what is known of the same thing, and for one too
   * many.
   */
  take(given: OrderInForce, nowMs: number): boolean {
    const { region, target, sequence, nonce } = given.order;
    const ofRegion = this.known.get(region) ?? new Map<string, OrderInForce>();
    const before = ofRegion.get(keyOf(target))?.order;
    if (before && sequence <= before.sequence) {
      if (before.nonce === nonce) return false;
      throw failure('CONFLICT', `The order is older than one of ${before.issuedAt} about the same thing.`, {
        sequence,
        known: before.sequence,
      });
    }
    if (!before && ofRegion.size >= ORDERS_MAX)
      throw failure('CONFLICT', `The region has ${ORDERS_MAX} orders already: lift what is not needed.`);
    ofRegion.set(keyOf(target), given);
    this.known.set(region, ofRegion);
    this.settle(nowMs);
    return true;
  }

  /** What the trust policy revokes is withheld like what a kill withholds, for as long as the policy says so. */
  revoke(revoked: readonly { readonly version: Digest; readonly reason: string }[], nowMs: number): void {
    this.revoked = revoked;
    this.settle(nowMs);
  }

  /** Orders end by themselves; whoever owns the book calls this about once a second. */
  settle(nowMs: number): void {
    const versions: typeof this.versions = new Map();
    const arms: typeof this.arms = new Map();
    const shards: typeof this.shards = new Map();
    for (const { version, reason } of this.revoked)
      versions.set(version, { why: `revoked by the trust policy: ${reason}`, kill: true });
    for (const ofRegion of this.known.values())
      for (const [key, { order }] of ofRegion) {
        if (nowMs > Date.parse(order.issuedAt) + REMEMBERED_MS) ofRegion.delete(key);
        if (!counts(order, nowMs)) continue;
        const { target, action, reason } = order;
        const why = `${action === 'weight-zero' ? 'weight 0' : action} in ${order.region}: ${reason}`;
        if (target.kind === 'arm')
          arms.set(`${target.endpoint}\n${target.arm}`, { why, fallback: target.fallback });
        else if (target.kind === 'shard') {
          if (!shards.get(target.shard)?.kill) shards.set(target.shard, { why, kill: action === 'kill' });
        } else if (
          !versions.get(target.version)?.kill &&
          (action === 'kill' || !versions.has(target.version))
        )
          versions.set(target.version, { why, kill: action === 'kill' });
      }
    const print = JSON.stringify([[...versions], [...arms], [...shards]]);
    if (print === this.print) return;
    this.print = print;
    this.versions = versions;
    this.arms = arms;
    this.shards = shards;
    for (const call of this.listeners) call();
  }

  version(digest: Digest): string | undefined {
    return this.versions.get(digest)?.why;
  }

  /** Whoever would ask about thousands of them asks this first. */
  get withholdsVersions(): boolean {
    return this.versions.size > 0;
  }

  /** Why nothing that the shard serves gets a request. */
  shard(name: string): string | undefined {
    return this.shards.get(name)?.why;
  }

  /** The engines of the shard are to end at once. */
  killsShard(name: string): boolean {
    return this.shards.get(name)?.kill ?? false;
  }

  /** Somebody took back what was ordered against it, and that still counts. */
  lifted(digest: Digest): boolean {
    const key = keyOf({ kind: 'version', model: 'any', version: digest });
    return [...this.known.values()].some((ofRegion) => ofRegion.get(key)?.order.action === 'lift');
  }

  /** Its engines are to end at once, whatever they run. */
  kills(digest: Digest): boolean {
    return this.versions.get(digest)?.kill ?? false;
  }

  arm(endpoint: string, arm: string): ArmOrder | undefined {
    return this.arms.get(`${endpoint}\n${arm}`);
  }

  /** Orders of one region that count now, newest first. */
  inForce(region: string, nowMs: number): OrderInForce[] {
    return [...(this.known.get(region)?.values() ?? [])]
      .filter(({ order }) => counts(order, nowMs))
      .toSorted((a, b) => b.order.sequence - a.order.sequence);
  }
}

const counts = ({ action, expiresAt }: Order, nowMs: number): boolean =>
  action !== 'lift' && nowMs < Date.parse(expiresAt);
