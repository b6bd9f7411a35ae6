// What a newcomer types, typed here: npm start with its smoke run, and each benchmark's shortest form with its JSON line.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../deploy/local/root.mjs';
import { benches, lastLine } from './bench-run.js';

const run = promisify(execFile);
const COMMAND_MS_MAX = 300_000;

test('npm start -- --smoke: every door of both regions gives the right text and intervals, and nothing is left behind', async () => {
  const { stdout } = await run('npm', ['start', '--silent', '--', '--smoke', '--port', '18400'], {
    cwd: root,
    timeout: COMMAND_MS_MAX,
  });
  expect(stdout.match(/ ok$/gm)).toHaveLength(24);
  expect(stdout).not.toContain('WRONG');
});

test.concurrent.each(benches)('bench %s runs and ends with its line of JSON', async (name) => {
  const last = await lastLine(name);
  expect(last.bench).toBe(name);
  expect(last.aims.length).toBeGreaterThan(0);
});
