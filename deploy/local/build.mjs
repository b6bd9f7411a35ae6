// @ts-check
// Compiles the checkout into dist/, and makes its programs few files each. Set-up asks whether dist/ is what the sources say and calls for it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './root.mjs';
import { run } from './run.mjs';

const FOLDERS = ['contracts', 'client', 'services', 'deploy', 'chaos-tests', 'bench'];
const FILES = ['package-lock.json', 'tsconfig.json', 'nest-cli.json'];
// The native compiler: a fifth of the seconds of the one behind `nest build`, the same JavaScript to the byte.
const compiler = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
// In dist/, which a build empties first: a build that was cut off leaves no stamp.
const stamp = join(root, 'dist', '.massif-build');

export function isBuilt() {
  try {
    return readFileSync(stamp, 'utf8') === sourcesHash();
  } catch {
    return false;
  }
}

export async function build() {
  // Taken before: a file saved during the build makes the next set-up build again.
  const hash = sourcesHash();
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await run(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: root });
  // Loaded only here: set-up begins with Node's own modules, before there are others.
  const { bundlePrograms } = await import('./programs.mjs');
  await bundlePrograms(join(root, 'dist'));
  await writeFile(stamp, hash);
}

/** Names, sizes and times, not contents: a few hundred looks cost milliseconds, and a wrong guess only builds once more. */
function sourcesHash() {
  const hash = createHash('sha256');
  for (const file of [...FILES, ...FOLDERS.flatMap(codeIn)]) {
    const { mtimeMs, size } = statSync(join(root, file));
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

/** @param {string} folder */
function codeIn(folder) {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /\.m?[jt]s$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}
