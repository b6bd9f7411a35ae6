// Where a version comes from: itself, its parent, the parent's parent and so on. Parents may be versions of other models.
import type { Digest } from '../../contracts/names.js';
import type { LineageReply, VersionRecord } from '../../contracts/registry.js';

// A chain this long is a mistake or an attack; nobody distils a thousand times.
const GENERATIONS_MAX = 1_000;

export function lineageOf(
  version: VersionRecord,
  find: (digest: Digest) => VersionRecord | undefined,
): LineageReply {
  const line: VersionRecord[] = [];
  const seen = new Set<Digest>();
  for (let next: VersionRecord | undefined = version; next && line.length < GENERATIONS_MAX;) {
    // A digest covers the card, and the card its parent's digest, so a circle cannot be signed; a corrupt bucket could hold one.
    if (seen.has(next.digest)) break;
    seen.add(next.digest);
    line.push(next);
    next = next.card.parent === undefined ? undefined : find(next.card.parent);
  }
  return {
    versions: line.map(({ digest, label, card: { parent, method } }) => ({
      digest,
      label,
      ...(parent === undefined ? {} : { parent }),
      ...(method === undefined ? {} : { method }),
    })),
  };
}
