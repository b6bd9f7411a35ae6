// What of ended jobs goes, and what stays: by age, by number, by size, oldest first. Pure; the runner asks every ten minutes and
// deletes. What an open job needs stays, whatever its age; so does a data set that a job which is still listed learned from, until
// the room is needed.
import { keys } from '../../../contracts/buckets.js';
import type { Digest } from '../../../contracts/names.js';
import type { AnyJob } from '../../../contracts/job.js';
import { isOver } from './job-state.js';
import type { StoredObject } from './job-objects.js';

export interface Keep {
  readonly ageMs: number;
  /** Records of ended jobs, and with them their reports. */
  readonly jobs: number;
  /** Of all objects together; only what open jobs need may be more. */
  readonly bytes: number;
}

/** A data set comes before the job that names it; it has so long to come. */
const FRESH_MS = 3_600_000;

/** `jobs`: ids; `objects`: names in the object store. `dataOf`: the data sets that a job learns from, where they lie there too. */
export function leftovers<R extends AnyJob>(
  records: readonly R[],
  objects: readonly StoredObject[],
  keep: Keep,
  nowMs: number,
  dataOf: (record: R) => readonly Digest[] = () => [],
): { jobs: string[]; objects: string[] } {
  const namesOf = (record: R): string[] => [
    keys.checkpoint(record.id),
    keys.report(record.id),
    ...dataOf(record).map((digest) => keys.dataset(digest)),
  ];
  const newestFirst = records
    .filter(isOver)
    .toSorted((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt));
  const gone = new Set(
    newestFirst
      .filter((record, i) => i >= keep.jobs || nowMs - Date.parse(record.updatedAt) > keep.ageMs)
      .map(({ id }) => id),
  );
  const open = records.filter((record) => !isOver(record));
  const listed = records.filter((record) => isOver(record) && !gone.has(record.id));
  const needed = new Set(open.flatMap(namesOf));
  const wanted = new Set(listed.flatMap(namesOf).filter((name) => !name.startsWith(CHECKPOINTS)));
  const oldestFirst = objects.toSorted((a, b) => a.atMs - b.atMs);
  let bytes = objects.reduce((sum, object) => sum + object.bytes, 0);
  const dropped: string[] = [];
  for (const { name, bytes: size, atMs } of oldestFirst) {
    if (needed.has(name) || nowMs - atMs < FRESH_MS) continue;
    const isSet = name.startsWith(DATASETS);
    const old = isSet ? nowMs - atMs > keep.ageMs && !wanted.has(name) : !wanted.has(name);
    if (!old && bytes <= keep.bytes) continue;
    dropped.push(name);
    bytes -= size;
  }
  return { jobs: [...gone], objects: dropped };
}

const DATASETS = keys.dataset('');
const CHECKPOINTS = keys.checkpoint('');
