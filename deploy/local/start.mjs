// @ts-check
// The bootstrap of `npm start`: Node's own modules only, until set-up has brought the rest.
import './node-version.mjs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HELP, InvalidOption, parseStartOptions } from './options.mjs';
import { root } from './root.mjs';
import { inWords, setUp } from './setup.mjs';
import { readRunningState } from './state.mjs';

try {
  const options = parseStartOptions(process.argv.slice(2), process.env);
  if (options.help) process.stdout.write(`${HELP}\n`);
  else process.exit(await run(options));
} catch (error) {
  process.stderr.write(`${inWords(error)}\n`);
  process.exit(error instanceof InvalidOption ? 64 : 1);
}

/** @param {import('./options.mjs').StartOptions} options */
async function run(options) {
  // Beside a running mesh nothing is built anew: it would take the code away from under its processes.
  if (readRunningState(join(root, '.massif')) === undefined) await setUp({ gpu: options.gpu });
  const compiled = pathToFileURL(join(root, 'dist', 'deploy', 'local', 'start.js')).href;
  const { start } = /** @type {typeof import('./start.js')} */ (await import(compiled));
  return start(options);
}
