// The chain of a journal: every entry carries the hash of the one before, so that none can be changed, lost or put in later.
import { createHash } from 'node:crypto';
import type { JournalEntry } from '../../../contracts/release.js';

export const NOTHING_BEFORE = '0'.repeat(64);

export type Unhashed = Omit<JournalEntry, 'hash'>;

export const sealed = (entry: Unhashed): JournalEntry => ({ ...entry, hash: hashOf(entry) });

export function hashOf(entry: unknown): string {
  return createHash('sha256').update(canonical(entry)).digest('hex');
}

/** The same value is the same text, whoever wrote it and in whatever order its fields came. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join(',')}}`;
}
