// From what a job says of its data to examples in the job's folder. The worker asks once; a job that goes on finds them there.
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import type { DataFile, TrainJob } from '../../../contracts/train-job.js';
import { dataRefusal } from './data-refusal.js';
import { folderImages, idxImages, tarImages } from './image-source.js';
import { digitImages, irisTable, mailProse, mailTable } from './package-source.js';
import { prepareImages } from './prepare-images.js';
import { prepareTable } from './prepare-table.js';
import { prepareRunningText, prepareText } from './prepare-text.js';
import type { Features, Prepared } from './prepared.js';
import { csvTable, fileBytes, jsonTable, type TableSource } from './table-source.js';
import { wordClassTable } from './word-class-source.js';

export interface DataPlace {
  /** The job's folder. */
  readonly folder: string;
  /** Where the files of the job lie, by digest. */
  readonly files: Readonly<Record<string, string>>;
  /** Folders of pictures lie below this one; absent where none may be read. */
  readonly datasetsDir: string | undefined;
  /** Of the version that the job goes on from: its codes and tokens are kept. */
  readonly like: Features | undefined;
}

/** A running text is held whole; this is its end. */
const RUNNING_CHARS_MAX = 16_000_000;
const PROSE_CHARS = 400_000;

export type DataOrder = Pick<TrainJob, 'data' | 'split' | 'tokens'>;

export async function prepare(
  { data, split: given, tokens }: DataOrder,
  place: DataPlace,
): Promise<Prepared> {
  const { folder, like } = place;
  const { fold, ...rest } = given;
  const split = fold === undefined ? rest : { ...rest, fold };
  const open = (file: DataFile) => fileBytes(pathOf(file, place), file.name);
  const texts = (
    source: TableSource,
    text: string,
    target: string,
    duplicates: 'drop' | 'keep',
    group?: string,
  ) =>
    prepareText(
      source,
      { text, target, split, duplicates, tokens, like, ...(group === undefined ? {} : { group }) },
      folder,
    );
  const images = { split, duplicates: 'drop' } as const;
  switch (data.format) {
    case 'csv':
    case 'jsonl': {
      const { file, target, task, text, group, kinds, duplicates, outliers } = data;
      const source =
        data.format === 'jsonl'
          ? jsonTable(file.name, open(file))
          : csvTable(file.name, open(file), {
              header: data.header,
              ...(data.delimiter === undefined ? {} : { delimiter: data.delimiter }),
            });
      if (text !== undefined && task === 'regression')
        throw dataRefusal(
          file.name,
          'a number is learned from columns of numbers and categories, not from a text.',
        );
      if (text !== undefined) return texts(source, text, target, duplicates, group);
      const grouped = group === undefined ? {} : { group };
      return prepareTable(
        source,
        { target, task, split, kinds, duplicates, outliers, like, ...grouped },
        folder,
      );
    }
    case 'idx':
      return prepareImages(idxImages(data.images.name, open(data.images), open(data.labels)), images, folder);
    case 'folder':
      return prepareImages(folderImages(below(place.datasetsDir, data.path), data), images, folder);
    case 'pictures':
      return prepareImages(tarImages(data.file.name, open(data.file), data), images, folder);
    case 'text':
      return prose(data.file.name, readFile(pathOf(data.file, place), 'utf8'));
    case 'package':
      if (data.name === 'iris')
        return prepareTable(
          irisTable(),
          { target: 'species', task: 'classification', split, duplicates: 'drop', outliers: 'clip', like },
          folder,
        );
      if (data.name === 'petals')
        return prepareTable(
          irisTable(),
          { target: 'petal length', task: 'regression', split, duplicates: 'drop', outliers: 'clip', like },
          folder,
        );
      if (data.name === 'digits') return prepareImages(digitImages(data.examples), images, folder);
      if (data.name === 'spam') return texts(mailTable(data.examples), 'mail', 'kind', 'drop');
      if (data.name === 'brown')
        return texts(wordClassTable(data.examples), 'words', 'class', 'drop', 'document');
      return prose('mails', Promise.resolve(mailProse(data.examples ?? PROSE_CHARS)));
  }

  async function prose(name: string, reading: Promise<string>): Promise<Prepared> {
    const text = await reading;
    if (text.length > RUNNING_CHARS_MAX)
      throw dataRefusal(name, `a running text of more than ${RUNNING_CHARS_MAX} characters is not read.`);
    return prepareRunningText(
      name,
      text,
      { length: tokens.length, split, vocabulary: tokens.vocabulary, like },
      folder,
    );
  }
}

function pathOf({ name, digest }: DataFile, { files }: DataPlace): string {
  const path = files[digest];
  if (path === undefined)
    throw dataRefusal(name, `the data set ${digest.slice(0, 12)} is not there: upload it first.`);
  return path;
}

function below(datasetsDir: string | undefined, path: string): string {
  if (datasetsDir === undefined)
    throw dataRefusal(
      path,
      'this trainer reads no folders: MASSIF_TRAINER_DATASETS names the one that it may.',
    );
  if (isAbsolute(path) || normalize(path).startsWith('..'))
    throw dataRefusal(path, 'a folder of pictures is named relative to the folder of data sets.');
  return join(datasetsDir, path);
}
