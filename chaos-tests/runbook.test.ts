import { expect, test } from 'vitest';
import { commandBlocks, runBlock } from './runbook.js';

const text = [
  '# Lost',
  '## Steps',
  'Look:',
  '```sh',
  'echo one',
  'echo two',
  '```',
  '## Check',
  '```sh',
  'false',
  'echo not reached',
  '```',
].join('\n');

test('every command block of a runbook is found under its heading', () => {
  expect(commandBlocks(text)).toEqual([
    { section: 'Steps', script: 'echo one\necho two' },
    { section: 'Check', script: 'false\necho not reached' },
  ]);
});

test('a block stops at its first failing command and says so by its exit code', async () => {
  const [steps, check] = commandBlocks(text);
  expect(await runBlock(steps!, '.', process.env)).toEqual({ code: 0, output: 'one\ntwo\n' });
  expect(await runBlock(check!, '.', process.env)).toEqual({ code: 1, output: '' });
});

test('a block that is never closed is a mistake in the page, and is said to be one', () => {
  expect(() => commandBlocks('# A\n```sh\necho')).toThrow('not closed');
});
