// README.md is the map of what is said on the bus; these tests keep it true. The sources are read as text: verbs are types only.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const readme = read('README.md');
const source = read('subjects.ts');

/** Rows of the table of subjects: the subject without its marks, then the other cells. */
const rows = readme
  .split('\n')
  .map((line) => /^\| `(massif\.[^`]+)`\s*\|(.*)\|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, subject = '', cells = '']) => ({ subject, cells: cells.split('|').map((cell) => cell.trim()) }));

/** The subjects that `subjects` builds, with `<name>` for each argument and one for each verb. */
function subjectsInCode(): string[] {
  const body = source.slice(source.indexOf('export const subjects'), source.indexOf('export type'));
  const verbs = (name: string) =>
    [...(new RegExp(`type ${name} =([^;]*);`).exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
      ([, verb = '']) => verb,
    );
  return [...body.matchAll(/['`](massif\.[^'`]+)['`]/g)].flatMap(([, template = '']) => {
    const subject = template.replace(/\$\{(?:subjectToken\()?(\w+)\)?\}/g, '<$1>');
    if (!subject.includes('<verb>')) return [subject];
    const [, family = ''] = subject.split('.');
    return verbs(`${family[0]?.toUpperCase()}${family.slice(1)}Verb`).map((verb) =>
      subject.replace('<verb>', verb),
    );
  });
}

test('every subject of subjects.ts has one row on the map, and every row a subject', () => {
  const onMap = rows.map(({ subject }) => subject);
  expect(onMap.length).toBeGreaterThan(10);
  expect(onMap.toSorted()).toEqual(subjectsInCode().toSorted());
});

test('the schemas that the map names are exported by the files that it names', () => {
  for (const { subject, cells } of rows) {
    const [, , body = '', file = ''] = cells;
    const text = file.replaceAll('`', '').split(', ').map(read).join('\n');
    for (const [, schema = ''] of body.matchAll(/`(\w+)`/g)) {
      expect(text, `${schema} of ${subject}`).toMatch(new RegExp(`export (const|interface) ${schema}\\b`));
    }
  }
});

test('the map names every file of contracts', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter(
    (name) => /^[\w-]+\.ts$/.test(name) && !name.includes('.test.'),
  );
  expect(files.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});
