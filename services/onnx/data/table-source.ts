// A table, whatever it was written in: named columns and rows of texts and numbers, streamed again on every reading, since
// preparation goes through the data more than once. Preparation of tables and texts asks.
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { type CsvRow, csvRows } from './csv.js';
import { dataRefusal, rowOf } from './data-refusal.js';
import { jsonRows } from './json-lines.js';

export type Cell = string | number | null;

export interface TableRow {
  readonly row: number;
  /** In step with the columns. */
  readonly cells: readonly Cell[];
}

export interface TableSource {
  /** For messages: the file's name. */
  readonly name: string;
  columns(): Promise<readonly string[]>;
  read(): AsyncGenerator<readonly TableRow[]>;
}

export interface CsvOptions {
  /** False: the first row is data and columns are called column1, column2, ... */
  readonly header?: boolean;
  readonly delimiter?: string;
}

/** `name` is what people call the file; the path may be a cache's. A name ending in .gz is unpacked on the way. */
export function fileBytes(path: string, name: string): () => AsyncIterable<Uint8Array> {
  return () => {
    const file = createReadStream(path, { highWaterMark: 262_144 });
    if (!/\.(gz|tgz)$/.test(name)) return file;
    const unpacked = createGunzip();
    file.on('error', (error) => unpacked.destroy(error));
    return file.pipe(unpacked);
  };
}

export function csvTable(
  name: string,
  open: () => AsyncIterable<Uint8Array>,
  options: CsvOptions = {},
): TableSource {
  const { header = true, delimiter } = options;
  const rows = () => csvRows(name, open(), delimiter);
  const columns = async (): Promise<readonly string[]> => {
    for await (const [first] of rows()) if (first !== undefined) return namesOf(name, first, header);
    throw dataRefusal(name, 'the file is empty.');
  };
  return {
    name,
    columns,
    async *read() {
      const { length } = await columns();
      let skipped = !header;
      for await (const batch of rows()) {
        const data = skipped ? batch : batch.slice(1);
        skipped = true;
        yield data.map(({ row, fields }) => {
          if (fields.length === length) return { row, cells: fields };
          throw dataRefusal(
            rowOf(name, row),
            `it has ${fields.length} fields where the first row has ${length}.`,
          );
        });
      }
    },
  };
}

function namesOf(file: string, { fields }: CsvRow, header: boolean): readonly string[] {
  if (!header) return fields.map((_, i) => `column${i + 1}`);
  const names = fields.map((name) => name.trim());
  const numeric = names.filter((name) => name !== '' && Number.isFinite(Number(name)));
  if (numeric.length > 0)
    throw dataRefusal(
      rowOf(file, 1),
      `"${numeric[0]}" is no column name: when the first row is data already, say so (header: false).`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw dataRefusal(rowOf(file, 1), `the column "${twice}" is there twice.`);
  return names;
}

export function jsonTable(name: string, open: () => AsyncIterable<Uint8Array>): TableSource {
  const columns = async (): Promise<readonly string[]> => {
    for await (const [first] of jsonRows(name, open()))
      if (first !== undefined) return Object.keys(first.fields);
    throw dataRefusal(name, 'the file is empty.');
  };
  return {
    name,
    columns,
    async *read() {
      const names = await columns();
      for await (const batch of jsonRows(name, open())) {
        yield batch.map(({ row, fields }) => {
          const stranger = Object.keys(fields).find((field) => !names.includes(field));
          if (stranger !== undefined)
            throw dataRefusal(rowOf(name, row), `the field "${stranger}" is not in the first row.`);
          return { row, cells: names.map((field) => fields[field] ?? null) };
        });
      }
    },
  };
}

/** Rows that are in memory already: small packages, tests. */
export function listTable(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): TableSource {
  return {
    name,
    columns: () => Promise.resolve(columns),
    // oxlint-disable-next-line require-await -- a source is read with for await
    async *read() {
      yield rows.map((cells, i) => ({ row: i + 1, cells }));
    },
  };
}
