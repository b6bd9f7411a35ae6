// Large bodies as objects of a region's bucket, for callers without our library: any NATS client can put one there and get one from
// there. Slower than chunks from hand to hand, since the server stores what passes. The library is loaded when first needed.
import type { ObjectStore } from '@nats-io/obj';
import { nanos, type NatsConnection, nuid } from '@nats-io/transport-node';
import { BODIES_BYTES_MAX, BODIES_TTL_MS, buckets } from '../../../contracts/buckets.js';
import { type Failure, failure, toFailure } from '../../../contracts/errors.js';
import type { BodyReference } from '../../../contracts/large-body.js';
import type { Clock } from '../../mesh/clock.js';

export type ObjectReference = BodyReference & { readonly kind: 'object' };

const TIMEOUT_MS = 4_000;
const DIGEST_PREFIX = 'SHA-256=';

export class ObjectBodies {
  constructor(
    private readonly nc: NatsConnection,
    private readonly region: string,
    private readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  ) {}

  /** `room` hears the size before a byte is read, and may throw. */
  async get(reference: ObjectReference, room: (bytes: number) => void, untilMs: number): Promise<Uint8Array> {
    const store = await this.store(reference.region);
    const info = await this.ask(store.info(reference.name), untilMs);
    if (!info || info.deleted)
      throw failure(
        'BODY_LOST',
        `There is no object ${reference.name} in ${buckets.bodies(reference.region)}.`,
      );
    room(info.size);
    if (reference.bytes !== undefined && reference.bytes !== info.size)
      throw failure(
        'BODY_DAMAGED',
        `The object has ${info.size} bytes, not the ${reference.bytes} announced.`,
      );
    if (reference.sha256 !== undefined && reference.sha256 !== hexOf(info.digest))
      throw failure('BODY_DAMAGED', 'The object does not have the digest that was announced.');
    return this.ask(read(store, reference.name, info.size), untilMs);
  }

  /** Its digest is the store's own, which whoever gets it checks. */
  async put(bytes: Uint8Array, untilMs: number): Promise<ObjectReference> {
    const store = await this.store(this.region);
    const name = nuid.next();
    const info = await this.ask(store.putBlob({ name }, bytes), untilMs);
    return { kind: 'object', region: this.region, name, bytes: info.size, sha256: hexOf(info.digest) };
  }

  private async store(region: string): Promise<ObjectStore> {
    const [{ jetstream }, { Objm }] = await Promise.all([
      import('@nats-io/jetstream'),
      import('@nats-io/obj'),
    ]);
    const bucket = buckets.bodies(region);
    try {
      const own = region === this.region;
      const stores = new Objm(jetstream(this.nc, { timeout: TIMEOUT_MS, ...(!own && { domain: region }) }));
      const options = { ttl: nanos(BODIES_TTL_MS), max_bytes: BODIES_BYTES_MAX };
      return await (own ? stores.create(bucket, options) : stores.open(bucket, false));
    } catch (cause) {
      throw this.unavailable(bucket, cause);
    }
  }

  private async ask<T>(asked: Promise<T>, untilMs: number): Promise<T> {
    const over = new AbortController();
    const late = this.clock.sleep(Math.max(0, untilMs - this.clock.monotonicMs()), over.signal).then(() => {
      throw failure('DEADLINE', 'The time was over before the object store had answered.');
    });
    late.catch(() => undefined); // ended by `over`
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      const known = toFailure(error);
      throw known.code === 'INTERNAL' ? this.unavailable(buckets.bodies(this.region), error) : known;
    } finally {
      over.abort();
    }
  }

  private unavailable(bucket: string, cause: unknown): Failure {
    return failure('UNAVAILABLE', `The object store ${bucket} cannot be reached.`, { bucket }, cause);
  }
}

const hexOf = (digest: string): string =>
  Buffer.from(digest.slice(DIGEST_PREFIX.length), 'base64url').toString('hex');

async function read(store: ObjectStore, name: string, bytes: number): Promise<Uint8Array> {
  const found = await store.get(name);
  if (!found) throw failure('BODY_LOST', `The object ${name} is gone.`);
  const body = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for await (const part of found.data as unknown as AsyncIterable<Uint8Array>) {
    if (at + part.length > bytes) throw failure('BODY_DAMAGED', 'The object is longer than it says.');
    body.set(part, at);
    at += part.length;
  }
  const error = await found.error;
  if (error) throw failure('BODY_DAMAGED', `The object ${name} cannot be read: ${error.message}.`, {}, error);
  if (at !== bytes) throw failure('BODY_DAMAGED', `The object has ${at} bytes, not the ${bytes} it says.`);
  return body;
}
