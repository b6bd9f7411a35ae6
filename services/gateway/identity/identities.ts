// Issues, rotates and revokes keys, and sets quotas: written in the home region's bucket from whichever gateway is asked.
import type { KV } from '@nats-io/kv';
import { buckets, keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import {
  type IdentitiesReply,
  type IssueReply,
  type IssueRequest,
  KeyRecord,
  type KeyShown,
  type RotateRequest,
  TenantRecord,
  type TenantRequest,
} from '../../../contracts/identity.js';
import type { Bus } from '../../mesh/bus.js';
import type { Clock } from '../../mesh/clock.js';
import { hashOf, keyText, newCredential } from './credential.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export class Identities {
  constructor(
    private readonly bus: Bus,
    private readonly home: string,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async issue({ tenant, roles, endpoints, description, days }: IssueRequest): Promise<IssueReply> {
    const credential = newCredential();
    const now = this.clock.now();
    const record: KeyRecord = {
      id: credential.id,
      tenant,
      roles: [...new Set(roles)],
      ...(endpoints !== undefined && { endpoints }),
      description,
      hash: hashOf(credential.secret),
      createdAt: new Date(now).toISOString(),
      expiresAt: new Date(now + days * DAY_MS).toISOString(),
    };
    await (await this.bucket()).create(keys.apiKey(record.id), JSON.stringify(record));
    return { key: shown(record), secret: keyText(credential) };
  }

  async rotate({ id, overlapMinutes, days }: RotateRequest): Promise<IssueReply> {
    const bucket = await this.bucket();
    const { record, revision } = await this.find(bucket, id);
    const { tenant, roles, endpoints, description } = record;
    const issued = await this.issue({ tenant, roles, endpoints, description, days });
    const endsAt = Math.min(Date.parse(record.expiresAt), this.clock.now() + overlapMinutes * MINUTE_MS);
    const ending = { ...record, expiresAt: new Date(endsAt).toISOString() };
    await bucket.update(keys.apiKey(id), JSON.stringify(ending), revision);
    return issued;
  }

  async revoke(id: string): Promise<KeyShown> {
    const bucket = await this.bucket();
    const { record } = await this.find(bucket, id);
    await bucket.delete(keys.apiKey(id));
    return shown(record);
  }

  async setTenant({ name, quota }: TenantRequest): Promise<TenantRecord> {
    const record = { name, quota, updatedAt: new Date(this.clock.now()).toISOString() };
    await (await this.bucket()).put(keys.tenant(name), JSON.stringify(record));
    return record;
  }

  async list(): Promise<IdentitiesReply> {
    const bucket = await this.bucket();
    const reply: IdentitiesReply = { tenants: [], keys: [] };
    for await (const name of await bucket.keys()) {
      const entry = await bucket.get(name);
      if (entry?.operation !== 'PUT') continue;
      if (name.startsWith('key.')) reply.keys.push(shown(KeyRecord.parse(entry.json())));
      else reply.tenants.push(TenantRecord.parse(entry.json()));
    }
    return reply;
  }

  private async find(bucket: KV, id: string): Promise<{ record: KeyRecord; revision: number }> {
    const entry = await bucket.get(keys.apiKey(id));
    if (entry?.operation === 'PUT')
      return { record: KeyRecord.parse(entry.json()), revision: entry.revision };
    throw failure('NOT_FOUND', `There is no key ${id}: massif apikeys lists them.`);
  }

  private bucket(): Promise<KV> {
    const { bus, home } = this;
    return bus.kv(buckets.identity(home), bus.region === home ? {} : { domain: home });
  }
}

function shown({ hash, ...rest }: KeyRecord): KeyShown {
  void hash;
  return rest;
}
