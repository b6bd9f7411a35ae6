// @ts-check
// Runs npm in the checkout to its end.
import { root } from './root.mjs';
import { run } from './run.mjs';

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function npm(args, env = process.env) {
  // Inside a script npm says where it lies itself; by hand it is on PATH.
  const cli = env['npm_execpath'];
  if (cli?.endsWith('.js')) await run(process.execPath, [cli, ...args], { cwd: root, env });
  else await run('npm', args, { cwd: root, env });
}
