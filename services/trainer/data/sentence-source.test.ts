import { expect, test } from 'vitest';
import { brownSentences, sentencesIn } from './sentence-source.js';
import type { TableRow } from './table-source.js';

test('a sentence is its words without their parts of speech', () => {
  const text = "\n\n\tThe/at sum/nn was/bedz 1/2/cd ./.\nNo/rb !/.\n``/`` So/rb it/pps is/bez ''/''\n";
  expect(sentencesIn(text)).toEqual(['The sum was 1/2 .', '" So it is "']);
});

test('a thousand sentences are drawn from documents of both kinds', async () => {
  const rows: TableRow[] = [];
  for await (const batch of brownSentences(1_000).read()) rows.push(...batch);
  expect(rows).toHaveLength(1_000);
  expect(new Set(rows.map(({ cells }) => cells[1]))).toEqual(new Set(['informative', 'imaginative']));
  expect(new Set(rows.map(({ cells }) => cells[2])).size).toBeGreaterThan(400);
});
