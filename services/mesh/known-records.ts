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

export interface RecordRules<T> {
  /** What is shown of a record: the endpoints less what orders of safety withhold. Called once a change, not once a look. */
  readonly shown?: ((record: T) => T) | undefined;
  /** A record that must not take the place of the known one, whatever its revision. */
  readonly isOlder?: ((record: T, known: T) => boolean) | undefined;
}

export class KnownRecords<T extends { readonly name: string }> {
  /** By connection, by key. */
  private readonly heard: Map<string, Known<T>>[];
  private readonly byName = new Map<string, T>();
  private readonly best = new Map<string, T>();
  private readonly names = new Map<string, string>();

  constructor(
    connections: number,
    /** Of the keys, with its dot. */
    private readonly prefix: string,
    private readonly schema: z.ZodType<T>,
    private readonly rules: RecordRules<T> = {},
  ) {
    this.heard = Array.from({ length: connections }, () => new Map<string, Known<T>>());
  }

  get(name: string): T | undefined {
    return this.byName.get(name);
  }

  all(): T[] {
    return [...this.byName.values()];
  }

  /** False for an entry that cannot be read or is older than what is known, which stays then. */
  take(connection: number, { key, revision, value }: BucketEntry): boolean {
    if (!key.startsWith(this.prefix)) return true;
    const record = value === undefined ? undefined : this.parse(value);
    if (value !== undefined && record === undefined) return false;
    const before = record && this.best.get(record.name);
    if (record && before && this.rules.isOlder?.(record, before)) return false;
    this.heard[connection]?.set(key, { revision, record });
    if (record) this.names.set(key, record.name);
    this.settle(key);
    return true;
  }

  /** What is shown of records is something else than before. */
  refresh(): void {
    for (const key of this.names.keys()) this.settle(key);
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
    if (best?.record) {
      this.best.set(name, best.record);
      this.byName.set(name, this.rules.shown?.(best.record) ?? best.record);
    } else {
      this.best.delete(name);
      this.byName.delete(name);
    }
  }

  private parse(value: Uint8Array): T | undefined {
    try {
      return this.schema.safeParse(JSON.parse(decoder.decode(value))).data;
    } catch {
      return undefined;
    }
  }
}
