import { expect, test } from 'vitest';
import type { TableRow } from './table-source.js';
import { places, taggedSentences, wordClassTable, wordsOfBothClasses } from './word-class-source.js';

const TEXT = '\n\n\tThe/at Look/nn-tl was/bedz 1/2/cd ./.\nThey/ppss look/vb ./.\n';

test('words come with their class, titles among them', () => {
  const [first = [], second = []] = taggedSentences(TEXT);
  expect(first.map(({ word }) => word)).toEqual(['the', 'look', 'was', '1/2', '.']);
  expect([first[1]?.wordClass, second[1]?.wordClass, second[0]?.wordClass]).toEqual([
    'noun',
    'verb',
    undefined,
  ]);
});

test('a word that is a noun here and a verb there stands in the middle of what is around it', () => {
  const often = taggedSentences(TEXT.repeat(20));
  const either = wordsOfBothClasses(often);
  expect([...either]).toEqual(['look']);
  expect(places(often[1] ?? [], either)).toEqual([['| | | | | they look . | | | | |', 'verb']]);
});

test('a thousand places are drawn from all documents and both classes', async () => {
  const rows: TableRow[] = [];
  for await (const batch of wordClassTable(1_000).read()) rows.push(...batch);
  expect(rows).toHaveLength(1_000);
  expect(new Set(rows.map(({ cells }) => cells[1]))).toEqual(new Set(['noun', 'verb']));
  expect(new Set(rows.map(({ cells }) => cells[2])).size).toBeGreaterThan(300);
});
