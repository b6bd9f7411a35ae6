// JSON lines from a stream of bytes: one object a line. A line that is no object, or a value that is no text, number or truth, is
// refused with its number. table-source.ts asks.
import { dataRefusal, rowOf } from './data-refusal.js';

export type JsonRow = {
  readonly row: number;
  readonly fields: Readonly<Record<string, string | number | null>>;
};

const LINE_CHARS_MAX = 4 * 1_048_576;

export async function* jsonRows(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly JsonRow[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let row = 0;
  for await (const chunk of bytes) {
    let text: string;
    try {
      text = rest + decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw dataRefusal(rowOf(file, row + 1), 'these or the following bytes are not UTF-8.', error);
    }
    const lines = text.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX)
      throw dataRefusal(
        rowOf(file, row + lines.length + 1),
        `a line is longer than ${LINE_CHARS_MAX} characters.`,
      );
    const rows = lines.flatMap((line) => jsonRow(file, ++row, line));
    if (rows.length > 0) yield rows;
  }
  const last = jsonRow(file, row + 1, rest);
  if (last.length > 0) yield last;
}

function jsonRow(file: string, row: number, line: string): JsonRow[] {
  if (line.trim() === '') return [];
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw dataRefusal(rowOf(file, row), 'this line is not JSON.', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw dataRefusal(rowOf(file, row), 'a line holds one object, with a field for each column.');
  return [
    {
      row,
      fields: Object.fromEntries(
        Object.entries(value).map(([name, one]) => [name, plain(file, row, name, one)]),
      ),
    },
  ];
}

function plain(file: string, row: number, name: string, value: unknown): string | number | null {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return String(value);
  throw dataRefusal(rowOf(file, row), `the field "${name}" is neither text, number nor truth value.`);
}
