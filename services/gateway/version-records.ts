// The records of versions, read from the catalog of the own region when somebody asks for metadata. A version never changes, so
// what was read once is kept and serves on while the bus is away.
import { buckets, keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { type Digest, shortDigest } from '../../contracts/names.js';
import { VersionRecord } from '../../contracts/registry.js';
import type { Bus } from '../mesh/bus.js';

/** The bundle is for those who verify; here it would only take memory. */
export type VersionFacts = Omit<VersionRecord, 'bundle'>;
const VersionFacts = VersionRecord.omit({ bundle: true });

const KEPT_MAX = 1_000;

export class VersionRecords {
  private readonly kept = new Map<string, VersionFacts>();

  constructor(private readonly bus: Bus) {}

  async get(model: string, digest: Digest): Promise<VersionFacts> {
    const known = this.kept.get(digest);
    if (known) return known;
    const read = await this.read(keys.version(model, digest));
    if (!read)
      throw failure('VERSION_UNKNOWN', `The catalog has no version ${shortDigest(digest)} of ${model}.`);
    if (this.kept.size >= KEPT_MAX) {
      const [oldest = ''] = this.kept.keys();
      this.kept.delete(oldest);
    }
    this.kept.set(digest, read);
    return read;
  }

  private async read(key: string): Promise<VersionFacts | undefined> {
    // A request on a connection that is down would wait out its timeout.
    if (!this.bus.connected()) throw failure('UNAVAILABLE', 'The gateway has no connection to NATS.');
    const catalog = await this.bus.kv(buckets.catalog(this.bus.region));
    const entry = await catalog.get(key).catch((error: unknown) => {
      throw failure('UNAVAILABLE', 'The catalog does not answer.', { key }, error);
    });
    if (!entry || entry.operation !== 'PUT') return undefined;
    return VersionFacts.parse(entry.json());
  }
}
