// Records of one kind as the catalog has them, heard over one or more connections: the highest revision counts, so a region that is
// cut off brings nothing old back. Each connection's watch tells its entries in order. The route view owns one for each kind.
import type { z } from 'zod';
import type { BucketEntry } from './watch-bucket.js';

interface Known<T> {
  readonly revision: number;
  /** Undefined: deleted. */
  readonly record: T | undefined;
}

const decoder = new TextDecoder();

export class KnownRecords<T extends { readonly name: string }> {
  /** By connection, by key. */
  private readonly heard: Map<string, Known<T>>[];
  private readonly byName = new Map<string, T>();
  private readonly names = new Map<string, string>();

  constructor(
    connections: number,
    /** Of the keys, with its dot. */
    private readonly prefix: string,
    private readonly schema: z.ZodType<T>,
  ) {
    this.heard = Array.from({ length: connections }, () => new Map<string, Known<T>>());
  }

  get(name: string): T | undefined {
    return this.byName.get(name);
  }

  all(): T[] {
    return [...this.byName.values()];
  }

  /** False for an entry that cannot be read: what was known before stays. */
  take(connection: number, { key, revision, value }: BucketEntry): boolean {
    if (!key.startsWith(this.prefix)) return true;
    const record = value === undefined ? undefined : this.parse(value);
    if (value !== undefined && record === undefined) return false;
    this.heard[connection]?.set(key, { revision, record });
    if (record) this.names.set(key, record.name);
    this.settle(key);
    return true;
  }

  private settle(key: string): void {
    const name = this.names.get(key);
    if (name === undefined) return;
    let best: Known<T> | undefined;
    for (const table of this.heard) {
      const known = table.get(key);
      // At the same revision a deletion counts: whoever lists sees that a key is gone, not when it went.
      if (
        known &&
        (!best || known.revision > best.revision || (known.revision === best.revision && !known.record))
      )
        best = known;
    }
    if (best?.record) this.byName.set(name, best.record);
    else this.byName.delete(name);
  }

  private parse(value: Uint8Array): T | undefined {
    try {
      return this.schema.safeParse(JSON.parse(decoder.decode(value))).data;
    } catch {
      return undefined;
    }
  }
}
