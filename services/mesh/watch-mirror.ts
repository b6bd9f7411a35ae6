// Follows a mirrored bucket from any region, and is current within moments of its home coming back. JetStream's own mirror asks a
// lost origin again only after up to two minutes, so this watches both: the mirror in its own region, which is there while the
// home is away, and the origin over the leaf link, which is first with the news. Revisions are the origin's in both.
import type { Bus } from './bus.js';
import { systemClock } from './clock.js';
import { type BucketEntry, KnownEntries } from './known-entries.js';
import { watchBucket, type WatchOptions } from './watch-bucket.js';

// At start-up the home's list is worth this much patience beyond the mirror's own.
const HOME_WITHIN_MS = 2_000;

/**
 * `nameIn` names the bucket of a region (`buckets.catalog`). Resolves once the home's list is complete, or the mirror's when the
 * home is out of reach, or the signal aborts; never rejects.
 */
export function watchMirror(
  bus: Bus,
  home: string,
  nameIn: (region: string) => string,
  onEntry: (entry: BucketEntry) => void,
  signal: AbortSignal,
  { clock = systemClock, ...options }: Pick<WatchOptions, 'clock' | 'log'> = {},
): Promise<void> {
  const common = { ...options, clock, known: new KnownEntries() };
  if (bus.region === home) return watchBucket(bus, nameIn(home), onEntry, signal, common);
  const here = watchBucket(bus, nameIn(bus.region), onEntry, signal, { ...common, complete: false });
  const there = watchBucket(bus, nameIn(home), onEntry, signal, { ...common, domain: home });
  return new Promise((resolve) => {
    void there.then(resolve);
    void here.then(() => clock.after(HOME_WITHIN_MS, resolve));
  });
}
