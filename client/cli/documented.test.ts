// What the pages tell a reader to type must be a command of ours, with verbs and options that it has.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../deploy/local/root.mjs';
import { EVERYWHERE } from './command-line.js';
import { COMMANDS } from './commands.js';

const PAGES = [
  'README.md',
  'client/README.md',
  'contracts/README.md',
  'bench/README.md',
  'chaos-tests/README.md',
];
const FOLDERS = ['docs', 'deploy/runbooks', 'bench/figures'];

test('every massif command of README, docs and runbooks exists, its verb and its options too', () => {
  const pages = [
    ...PAGES,
    ...FOLDERS.flatMap((folder) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`)),
  ];
  const typed = pages.flatMap((page) =>
    typedIn(readFileSync(join(root, page), 'utf8')).map((line) => ({ page, line })),
  );
  expect(typed.length).toBeGreaterThan(100);
  expect(
    typed
      .filter(({ line }) => wrongIn(line) !== undefined)
      .map(({ page, line }) => `${page}: ${line}: ${wrongIn(line)}`),
  ).toEqual([]);
});

/** The commands in code blocks and between backticks, each from `massif` to what ends it in a shell. */
function typedIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```\w*\n(.*?)^```/gms)].flatMap(([, code = '']) =>
    code.replaceAll('\\\n', ' ').split('\n'),
  );
  const inline = [...markdown.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`]+)`/g)].map(
    ([, code = '']) => code,
  );
  return [...blocks, ...inline].flatMap(
    (code) => /^(?:\s*npx )?massif [a-z][^|;&>#]*/.exec(code)?.[0].trim() ?? [],
  );
}

function wrongIn(line: string): string | undefined {
  const [name = '', ...rest] = line.replace(/^(npx )?massif /, '').split(/\s+/);
  if (name === 'help') return undefined;
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) return `there is no command ${name}`;
  const known = { ...EVERYWHERE, ...command.options };
  const options = rest.flatMap((word) => /^--([a-z-]+)/.exec(word)?.[1] ?? []);
  const unknown = options.find((option) => !(option in known));
  if (unknown !== undefined) return `it has no --${unknown}`;
  const verbs = verbsOf(command.usage);
  const [verb = ''] = rest;
  return verbs.length > 0 && /^[a-z]+$/.test(verb) && !verbs.includes(verb)
    ? `it has no verb ${verb}`
    : undefined;
}

/** Of a command whose first word is one: `scale explain [ENDPOINT] | scale set ...`, `release apply|status|...`. */
function verbsOf(usage: string): string[] {
  const [, first = ''] = usage.split(' ');
  return /^\[?[a-z]/.test(first) ? (usage.match(/(?<![-\w])[a-z]+(?![-\w=])/g) ?? []) : [];
}
