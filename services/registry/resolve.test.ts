import { expect, test } from 'vitest';
import { createdAfter, type ModelEntry, newestFirst, resolveVersion } from './resolve.js';
import { aVersion, digestOf } from './testing/records.js';

const first = aVersion({ label: 'v1', createdAt: '2025-01-01T00:00:00.000Z' });
const second = aVersion({ label: 'v2', createdAt: '2025-01-02T00:00:00.000Z' });
const old = aVersion({ label: 'v0', state: 'archived', createdAt: '2025-01-03T00:00:00.000Z' });
const entry = (aliases: Record<string, string> = {}, ...versions: (typeof first)[]): ModelEntry => ({
  model: 'ocr',
  versions: new Map(versions.map((version) => [version.digest, version])),
  aliases: new Map(Object.entries(aliases)),
});
const ocr = entry({ fast: first.digest }, first, second, old);

test('a version answers to its digest, the first 12 digits of it, its label and its aliases', () => {
  for (const word of [first.digest, first.digest.slice(0, 12), first.digest.slice(0, 40), 'v1', 'fast'])
    expect(resolveVersion(ocr, word)).toBe(first);
});

test('without a word the alias stable decides, and without that the newest version that is not archived', () => {
  expect(resolveVersion(ocr)).toBe(second);
  expect(resolveVersion(entry({ stable: first.digest }, first, second))).toBe(first);
  expect(resolveVersion(entry({ stable: old.digest }, first, old))).toBe(first);
});

test('an archived version is found by name and never by default', () => {
  expect(resolveVersion(ocr, 'v0')).toBe(old);
  expect(() => resolveVersion(entry({}, old))).toThrow('All versions of the model "ocr" are archived');
});

test('an unknown version is refused with the labels there are', () => {
  expect(() => resolveVersion(ocr, 'v7')).toThrow('no version "v7"; it has v0, v2, v1');
  expect(() => resolveVersion(ocr, digestOf('nobody'))).toThrow('no version');
  expect(() => resolveVersion(ocr, first.digest.slice(0, 11))).toThrow('no version');
});

test('digits that begin two versions are refused instead of guessed', () => {
  const twin = aVersion({ label: 'twin', digest: first.digest.slice(0, 20) + digestOf('twin').slice(20) });
  expect(() => resolveVersion(entry({}, first, twin), first.digest.slice(0, 12))).toThrow('give more digits');
});

test('a label made of digits is a label when no digest begins with it', () => {
  const dated = aVersion({ label: '202501021530' });
  expect(resolveVersion(entry({}, dated), '202501021530')).toBe(dated);
});

test('a version pushed later is newer, also when the clock has gone back', () => {
  const createdAt = createdAfter(ocr, Date.parse('2024-12-01T00:00:00Z'));
  const third = aVersion({ label: 'v3', createdAt });
  expect(newestFirst([first, second, old, third])[0]).toBe(third);
});
