import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pieces } from '../testing/bytes.js';
import { ExampleFile } from './example-file.js';
import { partFile, type Prepared, readPrepared } from './prepared.js';
import { prepareTable, type TableRequest } from './prepare-table.js';
import { type Part, PARTS } from './split.js';
import { type Cell, csvTable, jsonTable, listTable, type TableSource } from './table-source.js';

const folder = mkdtempSync(join(tmpdir(), 'massif-table-'));
afterAll(() => rmSync(folder, { recursive: true }));

const request: TableRequest = {
  target: 'class',
  task: 'classification',
  split: { seed: 1, validation: 0.2, test: 0.2 },
  duplicates: 'drop',
  outliers: 'clip',
};
const prepare = (source: TableSource, more: Partial<TableRequest> = {}) =>
  prepareTable(source, { ...request, ...more }, folder);
const csv = (text: string) => csvTable('t.csv', () => pieces(text, 64));
function examples(prepared: Prepared, part: Part): { x: number[]; label: number }[] {
  using file = new ExampleFile(partFile(folder, part), prepared);
  const { input, target } = file.batch(Array.from({ length: file.count }, (_, i) => i));
  const size = prepared.shape[0] ?? 0;
  return [...target].map((label, i) => ({ x: [...input.subarray(i * size, (i + 1) * size)], label }));
}
const table = (count: number, more: (i: number) => Cell[] = () => []): Cell[][] =>
  Array.from({ length: count }, (_, i) => [i / 7, i % 2 ? 'yes' : 'no', ...more(i)]);

test('columns become numbers and codes, cells that are missing become NaN, classes their position', async () => {
  const colours = ['red', 'green', 'red', ''];
  const rows = Array.from(
    { length: 40 },
    (_, i) => `${i === 3 ? 'NA' : i * 1.5},${colours[i % 4]},${i % 2 ? 'b' : 'a'}`,
  );
  const prepared = await prepare(csv(`size,colour,class\n${rows.join('\n')}\n`));
  expect(prepared.classes).toEqual(['a', 'b']);
  expect(prepared.features).toMatchObject({
    columns: [
      { name: 'size', kind: 'number' },
      { name: 'colour', values: ['red', 'green'] },
    ],
  });
  expect(prepared.counts).toEqual({ train: 24, validation: 8, test: 8 });
  const all = PARTS.flatMap((part) => examples(prepared, part));
  expect(all.find(({ x }) => Number.isNaN(x[0]))).toEqual({ x: [Number.NaN, 2], label: 1 });
  expect(prepared.notes.join(' ')).toContain('column "size": 1 of 40 cells are missing');
  expect(readPrepared(folder)).toEqual(prepared);
});

test('parts have the same share of every class, and another seed gives other parts', async () => {
  const rows = Array.from({ length: 100 }, (_, i) => [i, i < 80 ? 'big' : 'small']);
  const prepared = await prepare(listTable('t', ['x', 'class'], rows));
  expect(examples(prepared, 'test').filter(({ label }) => label === 1)).toHaveLength(4);
  const first = examples(prepared, 'test').map(({ x }) => x[0]);
  const again = await prepare(listTable('t', ['x', 'class'], rows));
  expect(again.digest).toBe(prepared.digest);
  const other = await prepare(listTable('t', ['x', 'class'], rows), { split: { ...request.split, seed: 2 } });
  expect(examples(other, 'test').map(({ x }) => x[0])).not.toEqual(first);
});

test('the folds of a data set are its rows, each once', async () => {
  const rows = Array.from({ length: 53 }, (_, i) => [i, i % 3 ? 'a' : 'b']);
  const tested: (number | undefined)[] = [];
  for (let index = 0; index < 5; index++) {
    const split = { seed: 4, validation: 0.1, test: 0, fold: { of: 5, index } };
    const prepared = await prepare(listTable('t', ['x', 'class'], rows), { split });
    tested.push(...examples(prepared, 'test').map(({ x }) => x[0]));
  }
  expect(tested.toSorted((a = 0, b = 0) => a - b)).toEqual(rows.map(([i]) => i));
});

test('duplicates are dropped, and equal features with two classes stay in one part', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => [i % 30, (i + Math.floor(i / 30)) % 2 ? 'a' : 'b']);
  const prepared = await prepare(listTable('t', ['x', 'class'], [...rows, ...rows.slice(0, 10)]));
  expect(prepared.cleaning).toMatchObject({ rows: 70, duplicatesDropped: 10, contradictions: 30 });
  const where = PARTS.map((part) => new Set(examples(prepared, part).map(({ x }) => x[0])));
  expect(where.reduce((sum, set) => sum + set.size, 0)).toBe(30);
});

test('rows of a group stay in one part', async () => {
  const rows = table(400, (i) => [`patient ${i % 20}`]);
  const named = rows.map(([x, label, group]) => [
    x ?? 0,
    label ?? '',
    group ?? '',
    Number(String(group).slice(8)),
  ]);
  const source = listTable('t', ['x', 'class', 'who', 'copy'], named);
  const prepared = await prepare(source, { group: 'who' });
  const groups = PARTS.map((part) => new Set(examples(prepared, part).map(({ x }) => x[1])));
  expect(groups.reduce((sum, set) => sum + set.size, 0)).toBe(20);
  expect(Math.min(...groups.map((set) => set.size))).toBeGreaterThan(0);
});

test('outliers are drawn in by fences that the graph will hold', async () => {
  const rows = table(200).map(([x, label], i) => [i === 7 ? 1e9 : (x ?? 0), label ?? '']);
  const { features } = await prepare(listTable('t', ['x', 'class'], rows));
  const fences =
    features.kind === 'table' && features.columns[0]?.kind === 'number'
      ? features.columns[0].fences
      : undefined;
  expect(fences?.high).toBeLessThan(200);
});

test('json lines are a table too', async () => {
  const text = table(30)
    .map(([x, label]) => JSON.stringify({ x, class: label }))
    .join('\n');
  const prepared = await prepare(jsonTable('t.jsonl', () => pieces(text, 50)));
  expect(prepared.counts.train).toBe(18);
  await expect(prepare(jsonTable('t.jsonl', () => pieces('{"x":1}\n[1]')))).rejects.toThrow('t.jsonl row 2');
});

test.each([
  ['a ragged row', 'x,class\n1,a\n2\n', 't.csv row 3: it has 1 fields'],
  ['a header that is data', '1.5,a\n2.5,b\n', '"1.5" is no column name'],
  ['a column twice', 'x,x,class\n1,2,a\n', 'the column "x" is there twice'],
  ['one class', 'x,class\n1,a\n2,a\n', 'one class only ("a")'],
  ['a class of one row', 'x,class\n1,a\n2,a\n3,b\n', 'the class "b" has one row only'],
  ['a missing label', 'x,class\n1,a\n2,\n3,b\n', 't.csv row 3: the target "class" is missing'],
  [
    'an infinite number',
    'x,class\n1,a\n2,b\ninf,a\n5,b\n',
    't.csv row 4, column "x": the number is not finite',
  ],
  ['a column of nothing', 'x,y,class\n,1,a\n,2,b\n,3,a\n,4,b\n', 't.csv column "x": every cell is missing'],
  ['no rows', 'x,class\n', 'there is no row of data'],
  ['nothing at all', '', 't.csv: the file is empty'],
])('%s is refused with its place', async (_, text, message) => {
  await expect(prepare(csv(text))).rejects.toMatchObject({
    code: 'DATA_REFUSED',
    message: expect.stringContaining(message),
  });
});

test('the target under another name is refused, a target that is not there is a bad request', async () => {
  const rows = table(40, (i) => [i % 2 ? 'J' : 'N']);
  await expect(prepare(listTable('t', ['x', 'class', 'ja'], rows))).rejects.toThrow(
    '"ja" is the target under another name',
  );
  await expect(prepare(listTable('t', ['x', 'y'], table(4)))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});
