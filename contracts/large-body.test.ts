import { expect, test } from 'vitest';
import { readRange, readReference, readTakesLarge, writeRange, writeReference } from './large-body.js';

const sha256 = 'ab'.repeat(32);

test('a reference reads as it was written', () => {
  for (const reference of [
    { kind: 'chunks', bytes: 9, sha256, from: '_INBOX.abc.1' } as const,
    { kind: 'object', region: 'east', name: 'mine-1.bin' } as const,
    { kind: 'object', region: 'east-2', name: 'x', bytes: 5, sha256 } as const,
  ])
    expect(readReference(writeReference(reference))).toEqual(reference);
});

test('what is no reference is refused, above all a subject that is no inbox', () => {
  for (const text of [
    '',
    'from',
    `from=massif.infer.x bytes=9 sha256=${sha256}`,
    `from=_INBOX.* bytes=9 sha256=${sha256}`,
    `from=_INBOX.a.b sha256=${sha256}`,
    `from=_INBOX.a.b bytes=-9 sha256=${sha256}`,
    'from=_INBOX.a.b bytes=9',
    'from=_INBOX.a.b bytes=9 sha256=AB',
    'object=east',
    'object=East/x',
    'object=east/../x',
    'object=east/x/y',
  ])
    expect(() => readReference(text), text).toThrow(/Massif-Body is/);
  expect(() => readTakesLarge('pigeon')).toThrow(/chunks or object/);
});

test('a range reads as it was written, and nothing else does', () => {
  expect(readRange(writeRange({ offset: 12, length: 7 }))).toEqual({ offset: 12, length: 7 });
  for (const text of ['', 'done', '1', '-1 5', '1 2 3', '1  2', '1e3 2'])
    expect(readRange(text)).toBeUndefined();
});
