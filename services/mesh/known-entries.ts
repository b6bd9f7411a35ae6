// Which entries of a bucket have been told already, whichever watch told them: nothing is told twice, nothing old after
// something newer. The watches in watch-bucket.ts and watch-mirror.ts ask; pure.

export interface BucketEntry {
  readonly key: string;
  readonly revision: number;
  /** Undefined: the key was deleted. */
  readonly value: Uint8Array | undefined;
}

interface Known {
  readonly revision: number;
  readonly deleted: boolean;
}

export class KnownEntries {
  private readonly byKey = new Map<string, Known>();

  /** True when this is news. A deletion of what was never told is none, but it is remembered: an older value may still come. */
  take({ key, revision, value }: BucketEntry): boolean {
    const known = this.byKey.get(key);
    if (known && revision <= known.revision) return false;
    const deleted = value === undefined;
    this.byKey.set(key, { revision, deleted });
    return !deleted || known?.deleted === false;
  }

  /**
   * What a complete list lacks although it was told: deletions. `upTo` is the last revision before the list began; what is newer
   * than the list is not in it and not gone.
   */
  missing(listing: ReadonlySet<string>, upTo: number): BucketEntry[] {
    const gone: BucketEntry[] = [];
    for (const [key, { revision, deleted }] of this.byKey) {
      if (deleted || listing.has(key) || revision > upTo) continue;
      this.byKey.set(key, { revision, deleted: true });
      gone.push({ key, revision, value: undefined });
    }
    return gone;
  }

  /** The bucket was made anew: its revisions begin again, so every one of them is news. */
  restart(): void {
    for (const [key, { deleted }] of this.byKey) this.byKey.set(key, { revision: 0, deleted });
  }
}
