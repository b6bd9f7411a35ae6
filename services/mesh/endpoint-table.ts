// The endpoints as the catalog has them, heard over one or more connections: the highest revision counts, so a region that is cut
// off brings nothing old back. Each connection's watch tells its entries in order. The route view owns one.
import { EndpointRecord } from '../../contracts/registry.js';
import type { BucketEntry } from './watch-bucket.js';

interface Known {
  readonly revision: number;
  /** Undefined: deleted. */
  readonly record: EndpointRecord | undefined;
}

const PREFIX = 'endpoint.';
const decoder = new TextDecoder();

export class EndpointTable {
  /** By connection, by key. */
  private readonly heard: Map<string, Known>[];
  private readonly byName = new Map<string, EndpointRecord>();
  private readonly names = new Map<string, string>();

  constructor(connections: number) {
    this.heard = Array.from({ length: connections }, () => new Map<string, Known>());
  }

  get(name: string): EndpointRecord | undefined {
    return this.byName.get(name);
  }

  all(): EndpointRecord[] {
    return [...this.byName.values()];
  }

  /** False for an entry that cannot be read: what was known before stays. */
  take(connection: number, { key, revision, value }: BucketEntry): boolean {
    if (!key.startsWith(PREFIX)) return true;
    const record = value === undefined ? undefined : parse(value);
    if (value !== undefined && record === undefined) return false;
    this.heard[connection]?.set(key, { revision, record });
    if (record) this.names.set(key, record.name);
    this.settle(key);
    return true;
  }

  private settle(key: string): void {
    const name = this.names.get(key);
    if (name === undefined) return;
    let best: Known | undefined;
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
}

function parse(value: Uint8Array): EndpointRecord | undefined {
  try {
    return EndpointRecord.safeParse(JSON.parse(decoder.decode(value))).data;
  } catch {
    return undefined;
  }
}
