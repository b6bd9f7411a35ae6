// Which version a word means: a digest, its first 12 digits, a label, an alias, or nothing at all. Every verb that takes a
// version asks here, so that all of them understand the same words.
import { failure } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/names.js';
import type { VersionRecord } from '../../contracts/registry.js';

/** What the catalog knows of one model. */
export interface ModelEntry {
  readonly model: string;
  readonly versions: ReadonlyMap<Digest, VersionRecord>;
  readonly aliases: ReadonlyMap<string, Digest>;
}

export const DEFAULT_ALIAS = 'stable';

const DIGEST = /^[0-9a-f]{64}$/;
// As many as people see in lists and subjects; fewer would meet another version by chance.
const DIGEST_PREFIX = /^[0-9a-f]{12,63}$/;

export function resolveVersion(entry: ModelEntry, version?: string): VersionRecord {
  if (version === undefined || version === '') return defaultVersion(entry);
  return (
    byDigest(entry, version) ?? byLabel(entry, version) ?? byAlias(entry, version) ?? unknown(entry, version)
  );
}

/** The version that has a label; archived ones keep theirs, so that a label never changes its meaning. */
export function byLabel(entry: ModelEntry, label: string): VersionRecord | undefined {
  for (const record of entry.versions.values()) if (record.label === label) return record;
  return undefined;
}

/** Newest first. Creation times grow within a model (createdAfter), so this is the order of the pushes. */
export function newestFirst(versions: Iterable<VersionRecord>): VersionRecord[] {
  return [...versions].sort((a, b) => compare(b.createdAt, a.createdAt) || compare(a.digest, b.digest));
}

/** A creation time after all others of the model, whatever the clock of this process says. */
export function createdAfter(entry: ModelEntry | undefined, nowMs: number): string {
  let latest = nowMs;
  for (const { createdAt } of entry?.versions.values() ?? [])
    latest = Math.max(latest, Date.parse(createdAt) + 1);
  return new Date(latest).toISOString();
}

function defaultVersion(entry: ModelEntry): VersionRecord {
  const stable = byAlias(entry, DEFAULT_ALIAS);
  if (stable && stable.state !== 'archived') return stable;
  const usable = newestFirst(entry.versions.values()).filter(({ state }) => state !== 'archived');
  // What was taken back after it had served is nobody's first choice.
  const newest = usable.find(({ state }) => state !== 'deprecated') ?? usable[0];
  if (newest) return newest;
  throw failure('VERSION_UNKNOWN', `All versions of the model "${entry.model}" are archived.`, {
    model: entry.model,
  });
}

function byDigest(entry: ModelEntry, text: string): VersionRecord | undefined {
  if (DIGEST.test(text)) return entry.versions.get(text);
  if (!DIGEST_PREFIX.test(text)) return undefined;
  const found = [...entry.versions.values()].filter((record) => record.digest.startsWith(text));
  if (found.length < 2) return found[0];
  throw failure(
    'BAD_REQUEST',
    `"${text}" begins ${found.length} versions of "${entry.model}": give more digits.`,
    {
      model: entry.model,
    },
  );
}

function byAlias(entry: ModelEntry, alias: string): VersionRecord | undefined {
  const digest = entry.aliases.get(alias);
  return digest === undefined ? undefined : entry.versions.get(digest);
}

const LABELS_NAMED = 8;

function unknown(entry: ModelEntry, version: string): never {
  const labels = newestFirst(entry.versions.values()).map((record) => record.label);
  const named = labels.slice(0, LABELS_NAMED).join(', ') + (labels.length > LABELS_NAMED ? ', ...' : '');
  throw failure(
    'VERSION_UNKNOWN',
    `The model "${entry.model}" has no version "${version}"; it has ${named}.`,
    {
      model: entry.model,
      version,
    },
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
