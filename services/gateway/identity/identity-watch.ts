// Keeps the guard's records current: a key that is issued, rotated or revoked counts in every region within moments, and a region cut
// off goes on with what it knew.
import type { OnApplicationShutdown } from '@nestjs/common';
import { buckets } from '../../../contracts/buckets.js';
import { KeyRecord, TenantRecord } from '../../../contracts/identity.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { openMirror } from '../../mesh/kv-mirror.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { BucketEntry } from '../../mesh/watch-bucket.js';
import { watchMirror } from '../../mesh/watch-mirror.js';
import type { Guard } from './guard.js';

export class IdentityWatch implements OnApplicationShutdown {
  private readonly stop = new AbortController();
  /** Resolves when the records are there. */
  readonly listed: Promise<void>;

  constructor(bus: Bus, home: string, guard: Guard, clock: Clock, log: Log) {
    openMirror(bus, home, buckets.identity, clock).catch((error: unknown) =>
      log.warn('identity.mirror.failed', errorFields(error)),
    );
    this.listed = watchMirror(bus, home, buckets.identity, (entry) => take(guard, entry), this.stop.signal, {
      clock,
      log,
    });
  }

  onApplicationShutdown(): void {
    this.stop.abort();
  }
}

function take(guard: Guard, { key, value }: BucketEntry): void {
  const [kind = '', name = ''] = key.split('.');
  const json: unknown = value && JSON.parse(Buffer.from(value).toString());
  if (kind === 'key') {
    guard.keys.delete(name);
    if (json !== undefined) guard.keys.set(name, KeyRecord.parse(json));
  } else if (json !== undefined) {
    const tenant = TenantRecord.parse(json);
    guard.tenants.set(tenant.name, tenant);
  }
}
