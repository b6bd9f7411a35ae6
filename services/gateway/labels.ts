// The class labels that were signed together with a version, read from the region's artifacts and held against their digest. A
// version never changes, so what was read once is kept.
import { createHash } from 'node:crypto';
import { buckets } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import { RESOURCES } from '../../contracts/manifest.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { VersionFacts } from './version-records.js';

/** Longer lists are for those who fetch the file. */
const LABELS_BYTES_MAX = 65_536;
const KEPT_MAX = 100;
const READ_MS_MAX = 2_000;

export class Labels {
  private readonly kept = new Map<string, string>();

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  /** As in `labels.txt`, one a line; undefined when the version has none, or more than an answer should carry. */
  async of({ resources }: VersionFacts): Promise<string | undefined> {
    const resource = resources.find(({ name }) => name === RESOURCES.labels);
    if (!resource || resource.bytes > LABELS_BYTES_MAX) return undefined;
    const known = this.kept.get(resource.digest);
    if (known !== undefined) return known;
    const bytes = await this.read(resource.digest);
    const text = new TextDecoder().decode(bytes).replace(/\r?\n$/, '');
    if (this.kept.size >= KEPT_MAX) {
      const [oldest = ''] = this.kept.keys();
      this.kept.delete(oldest);
    }
    this.kept.set(resource.digest, text);
    return text;
  }

  private async read(digest: string): Promise<Uint8Array> {
    const late = new AbortController();
    // The object store's own reads wait for ever when their server goes.
    const tooLate = this.clock.sleep(READ_MS_MAX, late.signal).then(() => null);
    try {
      const store = await this.bus.object(buckets.artifacts(this.bus.region));
      const bytes = await Promise.race([store.getBlob(digest), tooLate.catch(() => null)]);
      if (bytes && createHash('sha256').update(bytes).digest('hex') === digest) return bytes;
      throw failure('UNAVAILABLE', `The labels are not whole in region ${this.bus.region} just now.`, {
        digest,
      });
    } finally {
      late.abort();
    }
  }
}
