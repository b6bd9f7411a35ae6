// What a newcomer types, typed here: npm start with its smoke run, and each benchmark's shortest form with its JSON line.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../deploy/local/root.mjs';

const run = promisify(execFile);
const COMMAND_MS_MAX = 170_000;

test('npm start -- --smoke: every door of both regions gives the right text and intervals, and nothing is left behind', async () => {
  const { stdout } = await run('npm', ['start', '--silent', '--', '--smoke', '--port', '18400'], {
    cwd: root,
    timeout: COMMAND_MS_MAX,
  });
  expect(stdout.match(/ ok$/gm)).toHaveLength(24);
  expect(stdout).not.toContain('WRONG');
});

const NEEDS_A_MESH_OF_ITS_OWN = new Set(['start']);
const NOT_BENCHMARKS = new Set(['bench.ts', 'report.ts']);
const benches = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts') && !NOT_BENCHMARKS.has(file))
  .map((file) => file.slice(0, -3))
  .filter((name) => !NEEDS_A_MESH_OF_ITS_OWN.has(name));

test.concurrent.each(benches)('bench %s runs and ends with its line of JSON', async (name) => {
  const bench = join(root, 'dist', 'bench', 'bench.js');
  const { stdout } = await run(process.execPath, [bench, name, '--ci', '--json'], {
    cwd: root,
    timeout: COMMAND_MS_MAX,
  });
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { bench: string; aims: unknown[] };
  expect(last.bench).toBe(name);
  expect(last.aims.length).toBeGreaterThan(0);
});
