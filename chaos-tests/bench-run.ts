// Runs a benchmark's shortest form as a user does and looks at its JSON line: the tests of commands lean on it.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../deploy/local/root.mjs';

const run = promisify(execFile);
const BENCH_MS_MAX = 300_000;

const NEEDS_A_MESH_OF_ITS_OWN = new Set(['start']);
const NOT_BENCHMARKS = new Set(['bench.ts', 'report.ts']);
/** Each starts a mesh that other benchmarks start too: `npm run -s slow` has them, or CI would take a minute more. */
const SLOW = new Set(['coldstart', 'density', 'gray', 'large-split', 'overload', 'pipeline']);

const all = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts') && !NOT_BENCHMARKS.has(file))
  .map((file) => file.slice(0, -3))
  .filter((name) => !NEEDS_A_MESH_OF_ITS_OWN.has(name));

export const benches = all.filter((name) => !SLOW.has(name));
export const slowBenches = all.filter((name) => SLOW.has(name));

export async function lastLine(name: string): Promise<{ bench: string; aims: unknown[] }> {
  const bench = join(root, 'dist', 'bench', 'bench.js');
  const { stdout } = await run(process.execPath, [bench, name, '--ci', '--json'], {
    cwd: root,
    timeout: BENCH_MS_MAX,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { bench: string; aims: unknown[] };
}
