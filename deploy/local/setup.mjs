// @ts-check
// The one set-up step of start, test, bench and chaos: dependencies, build, servers. It does nothing when all is up to date.
// With --style, which is how the tests begin, the checks of style run beside the build: each keeps about one core busy.
// Node's own modules only, because it runs before there are others.
import './node-version.mjs';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { withLock } from './lock.mjs';
import { InvalidOption, parseSetupOptions } from './options.mjs';
import { npm } from './npm.mjs';
import { root } from './root.mjs';
import { prepareServers } from './server-cache.mjs';
import { createSteps } from './steps.mjs';

/**
 * Everything that the first of our compiled files needs.
 * @param {{ readonly quiet?: boolean, readonly gpu?: boolean, readonly style?: boolean }} [options]
 */
export async function setUp({ quiet = false, gpu = false, style = false } = {}) {
  const steps = createSteps(quiet);
  // At the same time: apt waits for the network while npm waits for the disk.
  await allOf([prepareServers(steps), prepareCode(steps, gpu, style)]);
}

/** None is left running behind the failure of another. @param {readonly Promise<unknown>[]} works */
async function allOf(works) {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason;
}

/**
 * @param {import('./steps.mjs').Steps} steps
 * @param {boolean} gpu
 * @param {boolean} style
 */
async function prepareCode(steps, gpu, style) {
  if (isInstalled(gpu) && isBuilt() && !style) return;
  const waiting = () => steps.say('another set-up of this checkout is at work: waiting for it ...');
  await withLock(join(root, '.massif', 'setup-lock'), waiting, async () => {
    if (!isInstalled(gpu)) await steps.step('installing dependencies', () => install(gpu));
    const works = [];
    if (!isBuilt()) works.push(steps.step('building', build));
    if (style)
      works.push(
        steps.step('linting', () => npm(['run', '--silent', 'lint'])),
        steps.step('checking the format', () => npm(['run', '--silent', 'formatted'])),
      );
    await allOf(works);
  });
}

/**
 * A failure in words for people: its sentence, and below it what caused it.
 * @param {unknown} error
 * @returns {string}
 */
export function inWords(error) {
  if (!(error instanceof Error)) return String(error);
  const causes =
    error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  return [...new Set([error.message, ...causes.map(inWords)])].filter(Boolean).join('\n');
}

if (realpathSync(process.argv[1] ?? '/') === fileURLToPath(import.meta.url)) {
  try {
    const options = parseSetupOptions(process.argv.slice(2), process.env);
    await setUp(options);
  } catch (error) {
    process.stderr.write(`${inWords(error)}\n`);
    process.exitCode = error instanceof InvalidOption ? 64 : 1;
  }
}
