// Gets the record of a version out of the catalog: the own region's first, then the home region's, which is ahead of its mirrors
// by moments. Records are immutable but for their state, so one that was read is kept.
import { buckets, keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import { VersionRecord } from '../../contracts/registry.js';
import type { Bus } from '../mesh/bus.js';

/** More than a shard holds: the oldest go. */
const KEPT_MAX = 1_000;

export class VersionRecords {
  private readonly kept = new Map<Digest, VersionRecord>();

  constructor(
    private readonly bus: Bus,
    private readonly home: string,
  ) {}

  /** Throws VERSION_UNKNOWN, or UNAVAILABLE when no catalog could be asked. */
  async get(model: string, digest: Digest): Promise<VersionRecord> {
    const known = this.kept.get(digest);
    if (known) return known;
    const { region } = this.bus;
    const here = await this.ask(buckets.catalog(region), undefined, model, digest).catch((error: unknown) => {
      if (region === this.home) throw error;
      return undefined;
    });
    const found =
      here ??
      (region === this.home
        ? undefined
        : await this.ask(buckets.catalog(this.home), this.home, model, digest));
    if (found === undefined)
      throw failure('VERSION_UNKNOWN', `The catalog has no version ${shortDigest(digest)} of ${model}.`);
    for (const oldest of this.kept.keys()) if (this.kept.size >= KEPT_MAX) this.kept.delete(oldest);
    this.kept.set(digest, found);
    return found;
  }

  private async ask(
    bucket: string,
    domain: string | undefined,
    model: string,
    digest: Digest,
  ): Promise<VersionRecord | undefined> {
    const kv = await this.bus.kv(bucket, domain === undefined ? {} : { domain });
    const entry = await kv.get(keys.version(model, digest)).catch((cause: unknown) => {
      throw failure('UNAVAILABLE', `The bucket ${bucket} cannot be read.`, { bucket }, cause);
    });
    if (entry?.operation !== 'PUT') return undefined;
    const parsed = VersionRecord.safeParse(entry.json());
    if (!parsed.success)
      throw failure('MODEL_REFUSED', 'The record of the version has not the agreed form.', {}, parsed.error);
    // Not because it could be trusted, the signature decides that: a mix-up should have a plain message.
    if (parsed.data.digest !== digest || parsed.data.model !== model)
      throw failure('MODEL_REFUSED', 'The record under this key is that of another version.');
    return parsed.data;
  }
}
