import { expect, test } from 'vitest';
import { KnownEntries } from './known-entries.js';

const bytes = Uint8Array.of(1);
const put = (key: string, revision: number) => ({ key, revision, value: bytes });
const deleted = (key: string, revision: number) => ({ key, revision, value: undefined });

test('each revision is news once, and nothing older is news after it', () => {
  const known = new KnownEntries();
  expect(known.take(put('a', 5))).toBe(true);
  expect(known.take(put('a', 5))).toBe(false);
  expect(known.take(put('a', 4))).toBe(false);
  expect(known.take(put('a', 6))).toBe(true);
});

test('a copy that lags cannot bring back what was deleted', () => {
  const known = new KnownEntries();
  expect(known.take(deleted('a', 9))).toBe(false);
  expect(known.take(put('a', 8))).toBe(false);
  expect(known.take(put('a', 10))).toBe(true);
  expect(known.take(deleted('a', 11))).toBe(true);
});

test('what a complete list lacks is gone, what is newer than the list is not', () => {
  const known = new KnownEntries();
  for (const entry of [put('stays', 1), put('vanished', 2), put('newer', 7)]) known.take(entry);
  expect(known.missing(new Set(['stays']), 6)).toEqual([deleted('vanished', 2)]);
  expect(known.missing(new Set(['stays']), 6)).toEqual([]);
  expect(known.take(put('vanished', 8))).toBe(true);
});

test('after the bucket was made anew its low revisions are news', () => {
  const known = new KnownEntries();
  known.take(put('a', 100));
  known.take(put('b', 101));
  known.restart();
  expect(known.take(put('a', 1))).toBe(true);
  expect(known.missing(new Set(['a']), 1)).toEqual([deleted('b', 0)]);
});
