// @ts-check
// Brings node_modules to what package-lock.json says. Set-up asks whether that is so and calls for it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npm } from './npm.mjs';
import { root } from './root.mjs';

const stamp = join(root, 'node_modules', '.massif-setup');

const QUIETLY = ['--no-audit', '--no-fund', '--loglevel=error'];

/**
 * The CUDA libraries are a download of one dependency's install script, so the stamp says whether they are in.
 * @param {boolean} gpu
 */
export function isInstalled(gpu) {
  const [lock, device] = stamped();
  return lock === lockHash() && (!gpu || device === 'gpu');
}

/** @param {boolean} gpu */
export async function install(gpu) {
  const hash = lockHash();
  const env = { ...process.env };
  if (!gpu) env['ONNXRUNTIME_NODE_INSTALL'] = 'skip';
  // Not `npm ci`: it takes everything away first, also where one package changed, and it refuses a lock that lacks the binaries
  // of platforms whose packages a registry does not carry. Without saving, the lock stays what it is and is obeyed.
  // With --gpu on an installed checkout only that one script is missing.
  if (stamped()[0] === hash) await npm(['rebuild', 'onnxruntime-node', ...QUIETLY], env);
  else await npm(['install', '--no-save', ...QUIETLY], env);
  await writeFile(stamp, `${hash} ${gpu ? 'gpu' : 'cpu'}`);
}

function stamped() {
  try {
    return readFileSync(stamp, 'utf8').split(' ');
  } catch {
    return [];
  }
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}
