// Comma-separated values as RFC 4180 has them, from a stream of bytes: quoted fields may hold delimiters, quotes and line ends.
// Rows come in batches, as many as a chunk completes, so memory stays at one chunk and one row. table-source.ts asks.
import { TextDecoder } from 'node:util';
import { dataRefusal, rowOf } from './data-refusal.js';

export interface CsvRow {
  /** The first row of the file is row 1, whatever lines it spans. */
  readonly row: number;
  readonly fields: readonly string[];
}

/** A quote that is never closed would swallow the rest of the file into one field. */
const FIELD_CHARS_MAX = 1_048_576;
const COLUMNS_MAX = 16_384;
const DELIMITERS = [',', ';', '\t'] as const;

export async function* csvRows(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  delimiter?: string,
): AsyncGenerator<readonly CsvRow[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let scan: CsvScan | undefined;
  for await (const chunk of bytes) {
    const text = decode(decoder, file, scan?.row ?? 1, chunk);
    scan ??= new CsvScan(file, delimiter ?? likelyDelimiter(text));
    const rows = scan.feed(text);
    if (rows.length > 0) yield rows;
  }
  if (scan === undefined) return;
  const rest = scan.end();
  if (rest.length > 0) yield rest;
}

function decode(decoder: TextDecoder, file: string, row: number, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (error) {
    throw dataRefusal(rowOf(file, row), 'these or the following bytes are not UTF-8.', error);
  }
}

/** The one that the first line holds most of. */
function likelyDelimiter(text: string): string {
  const line = text.slice(0, text.search(/[\r\n]|$/)).replace(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((one) => line.split(one).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

type Where = 'field start' | 'plain' | 'quoted' | 'quote in quoted' | 'after cr';

class CsvScan {
  row = 1;
  private where: Where = 'field start';
  private field = '';
  private fields: string[] = [];
  private rows: CsvRow[] = [];

  constructor(
    private readonly file: string,
    private readonly delimiter: string,
  ) {}

  feed(text: string): readonly CsvRow[] {
    this.rows = [];
    for (let i = 0; i < text.length;) i = this.step(text, i);
    return this.rows;
  }

  end(): readonly CsvRow[] {
    this.rows = [];
    if (this.where === 'quoted')
      throw dataRefusal(rowOf(this.file, this.row), 'a quote is opened and never closed.');
    if (this.where !== 'after cr' && (this.where !== 'field start' || this.fields.length > 0)) this.endRow();
    return this.rows;
  }

  /** Consumes at least one character; runs of ordinary ones at once. */
  private step(text: string, at: number): number {
    const char = text[at] ?? '';
    if (this.where === 'quoted') return this.quoted(text, at);
    if (this.where === 'after cr') {
      this.where = 'field start';
      if (char === '\n') return at + 1;
    }
    if (this.where === 'quote in quoted' && char === '"') {
      this.field += '"';
      this.where = 'quoted';
    } else if (this.where === 'field start' && char === '"') this.where = 'quoted';
    else if (char === this.delimiter) this.endField();
    else if (char === '\n') this.endRow();
    else if (char === '\r') {
      this.endRow();
      this.where = 'after cr';
    } else if (this.where === 'quote in quoted')
      throw dataRefusal(rowOf(this.file, this.row), `"${char}" follows a closing quote.`);
    else return this.plain(text, at);
    return at + 1;
  }

  private plain(text: string, at: number): number {
    this.where = 'plain';
    let end = at + 1;
    while (end < text.length && text[end] !== this.delimiter && text[end] !== '\n' && text[end] !== '\r')
      end++;
    return this.append(text, at, end);
  }

  private quoted(text: string, at: number): number {
    const close = text.indexOf('"', at);
    const end = this.append(text, at, close < 0 ? text.length : close);
    if (close >= 0) this.where = 'quote in quoted';
    return close < 0 ? end : end + 1;
  }

  private append(text: string, from: number, to: number): number {
    this.field += text.slice(from, to);
    if (this.field.length > FIELD_CHARS_MAX)
      throw dataRefusal(
        rowOf(this.file, this.row),
        `a field is longer than ${FIELD_CHARS_MAX} characters, perhaps a quote is not closed.`,
      );
    return to;
  }

  private endField(): void {
    if (this.fields.length >= COLUMNS_MAX)
      throw dataRefusal(rowOf(this.file, this.row), `there are more than ${COLUMNS_MAX} columns.`);
    this.fields.push(this.field);
    this.field = '';
    this.where = 'field start';
  }

  private endRow(): void {
    const blank = this.where === 'field start' && this.fields.length === 0;
    this.endField();
    // A blank line is no row of one empty field: editors leave them at the end.
    if (!blank) this.rows.push({ row: this.row, fields: this.fields });
    this.row++;
    this.fields = [];
  }
}
