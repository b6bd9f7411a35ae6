// Follows the buckets of overrides of all regions and puts what is truly signed into an order book. Each bucket is watched in its own
// region, so orders of this one count while all others are away; what another region ordered is known from when it could be heard.
// Every order is logged, taken or ignored. Routers, gateways, clients and shards each have one.
import { buckets, keys } from '../../../contracts/buckets.js';
import { failure, toFailure } from '../../../contracts/errors.js';
import { OrderRecord, TrustRecord } from '../../../contracts/override.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import type { Bus } from '../bus.js';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { keyOf, verifyOrder } from './order.js';
import type { OrderBook } from './order-book.js';
import { publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';
import { PolicyKeeper, type PolicyReader } from './trust-policy.js';
import { type BucketEntry, watchBucket } from '../watch-bucket.js';

export interface OverridePlace {
  readonly bus: Bus;
  readonly region: string;
}

export interface OverrideWatchParts {
  readonly places: readonly OverridePlace[];
  readonly book: OrderBook;
  /** Absent: the trust root that the first region tells of is believed, as is its table of endpoints (the client library). */
  readonly trust?: PolicyReader;
  readonly clock: Clock;
  readonly log: Log;
}

const SETTLE_MS = 500;
const RECORD_BYTES_MAX = 2 * 1024 * 1024;
/** Orders that cannot be checked yet, for want of a policy that knows their signer. */
const WAITING_MAX = 1_000;

export class OverrideWatch {
  private readonly ended = new AbortController();
  private readonly waiting = new Map<string, { readonly region: string; readonly entry: BucketEntry }>();
  private readonly stop: () => void;
  private heardTrust: PolicyKeeper | undefined;
  private policyVersion = 0;

  constructor(private readonly parts: OverrideWatchParts) {
    const { places, clock } = parts;
    for (const place of places) this.follow(place);
    this.stop = clock.every(SETTLE_MS, () => this.settle());
  }

  close(): void {
    this.ended.abort();
    this.stop();
  }

  private follow({ bus, region }: OverridePlace): void {
    const { clock, log } = this.parts;
    const take = (entry: BucketEntry) => this.take(region, entry);
    const across = bus.region === region ? {} : { domain: region };
    void watchBucket(bus, buckets.overrides(region), take, this.ended.signal, { clock, log, ...across });
  }

  private take(region: string, entry: BucketEntry): void {
    // What is deleted without a signed order to lift it stays in force until it ends.
    if (entry.value === undefined) return;
    if (entry.key === keys.trust()) return this.takeTrust(region, entry.value);
    const { book, clock, log } = this.parts;
    try {
      const { envelope } = OrderRecord.parse(
        strictJson(entry.value, 'The record', { bytesMax: RECORD_BYTES_MAX }),
      );
      const policy = this.policy().current();
      this.policyVersion = policy.version;
      const given = verifyOrder(envelope, policy, { region, nowMs: clock.now() });
      if (keyOf(given.order.target) !== entry.key)
        throw new Error('The order lies under a key that is not its own.');
      this.waiting.delete(`${region} ${entry.key}`);
      if (!book.take(given, clock.now())) return;
      const { action, target, reason, expiresAt, nonce } = given.order;
      log.warn('override.taken', { region, action, target, reason, person: given.person, expiresAt, nonce });
    } catch (error) {
      const { code, message } = toFailure(error);
      if (code === 'UNSIGNED' && this.waiting.size < WAITING_MAX)
        this.waiting.set(`${region} ${entry.key}`, { region, entry });
      log.warn('override.ignored', { region, key: entry.key, revision: entry.revision, code, message });
    }
  }

  private takeTrust(region: string, value: Uint8Array): void {
    if (this.parts.trust) return;
    try {
      const record = TrustRecord.parse(strictJson(value, 'The trust record', { bytesMax: RECORD_BYTES_MAX }));
      this.heardTrust ??= new PolicyKeeper(publicKeyOf(record.rootPublicKeyPem));
      this.heardTrust.offer(record.policy);
    } catch (error) {
      this.parts.log.warn('override.trust.ignored', { region, message: toFailure(error).message });
    }
  }

  private policy(): PolicyReader {
    return this.parts.trust ?? this.heardTrust ?? NOTHING;
  }

  private settle(): void {
    const { book, clock } = this.parts;
    book.revoke(currentOf(this.policy())?.revokedVersions ?? [], clock.now());
    if (this.waiting.size === 0) return;
    const version = currentOf(this.policy())?.version ?? 0;
    if (version === this.policyVersion) return;
    this.policyVersion = version;
    for (const { region, entry } of Array.from(this.waiting.values())) this.take(region, entry);
  }
}

const NOTHING: PolicyReader = {
  current: () => {
    throw failure('UNSIGNED', 'No trust policy is known yet.');
  },
};

/** Undefined while none is known. */
function currentOf(policy: PolicyReader): TrustPolicy | undefined {
  try {
    return policy.current();
  } catch {
    return undefined;
  }
}
