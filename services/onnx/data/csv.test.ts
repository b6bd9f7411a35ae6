import { expect, test } from 'vitest';
import { pieces } from '../testing/bytes.js';
import { csvRows } from './csv.js';

async function rowsOf(text: string | Uint8Array, size = 7): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const batch of csvRows('t.csv', pieces(text, size)))
    rows.push(...batch.map(({ fields }) => [...fields]));
  return rows;
}

test.each([1, 2, 5, 1_000])(
  'quotes, delimiters and line ends in fields survive pieces of %i bytes',
  async (size) => {
    const text = 'a,"b ""x"", y","two\r\nlines"\r\nü,,\n\n"",1,2';
    expect(await rowsOf(text, size)).toEqual([
      ['a', 'b "x", y', 'two\r\nlines'],
      ['ü', '', ''],
      ['', '1', '2'],
    ]);
  },
);

test('the delimiter is the one that the first line holds most of', async () => {
  expect(await rowsOf('a;b;c\n1,5;2;3')).toEqual([
    ['a', 'b', 'c'],
    ['1,5', '2', '3'],
  ]);
});

test('what breaks the grammar is refused with file and row', async () => {
  await expect(rowsOf('a,b\n1,"2')).rejects.toMatchObject({
    code: 'DATA_REFUSED',
    message: /t\.csv row 2: a quote is opened/,
  });
  await expect(rowsOf('a\n"1"2')).rejects.toThrow('t.csv row 2: "2" follows a closing quote');
  const latin = new Uint8Array([97, 10, 0xe4, 10]);
  await expect(rowsOf(latin, 2)).rejects.toThrow('are not UTF-8');
});
