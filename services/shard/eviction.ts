// Decides which cached files go when the cache is over its limit: the longest unused first, never one that is in use.
import type { Digest } from '../../contracts/names.js';

export interface CachedFile {
  readonly digest: Digest;
  readonly bytes: number;
  readonly usedAtMs: number;
}

export function chooseEvictions(
  files: readonly CachedFile[],
  keep: ReadonlySet<Digest>,
  bytesMax: number,
): Digest[] {
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const gone: Digest[] = [];
  for (const { digest, bytes } of files.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (total <= bytesMax) break;
    if (keep.has(digest)) continue;
    gone.push(digest);
    total -= bytes;
  }
  return gone;
}
