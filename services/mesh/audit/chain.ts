// The chain of the audit log: each entry carries the hash of all before it, so order and wholeness show in the entries themselves; the tree
// beside it (merkle.ts) gives roots for checkpoints and short proofs. The auditor grows one, the verifier grows one and compares.
import { createHash } from 'node:crypto';
import { type AuditEntry, AuditEntry as EntrySchema, type AuditEvent } from '../../../contracts/audit.js';
import { MerkleTree } from './merkle.js';

const NOTHING = '0'.repeat(64);

export class AuditChain {
  readonly tree = new MerkleTree();
  private last = NOTHING;

  get size(): number {
    return this.tree.size;
  }

  /** The text of the next entry. Nothing is changed by it: it counts once `take` has it. */
  compose(event: AuditEvent, intake?: number): string {
    return textOf(event, this.size, this.last, intake);
  }

  /** The next entry as it was stored; why not, when it is not the one that belongs here. */
  take(text: string): { readonly entry: AuditEntry } | { readonly wrong: string } {
    const read = readEntry(text);
    if (!read) return { wrong: 'is no entry' };
    if (read.index !== this.size)
      return { wrong: `says it is entry ${read.index} where ${this.size} belongs` };
    if (read.prev !== this.last) return { wrong: 'does not follow from what is before it' };
    this.add(text);
    return { entry: read };
  }

  /** For entries that are under way: each follows from the one before, and this chain stays as it is until they are stored. */
  fork(): { extend(event: AuditEvent, intake?: number): string } {
    let [index, last] = [this.size, this.last];
    return {
      extend: (event, intake) => {
        const text = textOf(event, index++, last, intake);
        last = chained(last, Buffer.from(text));
        return text;
      },
    };
  }

  /** Of one's own `compose`. */
  add(text: string): void {
    const bytes = Buffer.from(text);
    this.last = chained(this.last, bytes);
    this.tree.append(bytes);
  }
}

function textOf(event: AuditEvent, index: number, prev: string, intake: number | undefined): string {
  const entry: AuditEntry = { index, prev, ...event, ...(intake !== undefined && { intake }) };
  return JSON.stringify(entry);
}

const chained = (last: string, bytes: Uint8Array): string =>
  createHash('sha256').update(last).update(bytes).digest('hex');

function readEntry(text: string): AuditEntry | undefined {
  try {
    return EntrySchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
