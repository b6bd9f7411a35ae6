// @ts-check
// The file that says where the mesh of this checkout is: written by `npm start`, read by a second `npm start`, by drills and by
// the command line. It is believed only while the process that wrote it lives.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from './identity.mjs';

/** @typedef {import('../../contracts/state-file.js').StateFile} StateFile */
/** @typedef {{ readonly name: string, readonly kind: string, readonly state: string, readonly pid?: number | undefined }} ProcessEntry */
/**
 * What the contract promises to the command line, and what `npm start` and drills need besides: when the keeping process began
 * (to tell it from a later one with its pid), the pid of the helper that ends what is left when that process is gone, and
 * the processes.
 * @typedef {StateFile & { readonly start: string, readonly undertaker: number, readonly processes: readonly ProcessEntry[] }} MeshState
 */

/** @param {string} folder */
export function stateFile(folder) {
  return join(folder, 'state.json');
}

/**
 * What the last mesh wrote, running or not.
 * @param {string} folder
 * @returns {MeshState | undefined}
 */
export function readState(folder) {
  try {
    return JSON.parse(readFileSync(stateFile(folder), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The mesh that runs now.
 * @param {string} folder
 */
export function readRunningState(folder) {
  const state = readState(folder);
  return state !== undefined && isRunning(state) ? state : undefined;
}

/**
 * Whole or not at all, and for this user's eyes.
 * @param {string} folder
 * @param {MeshState} state
 */
export function writeState(folder, state) {
  const draft = `${stateFile(folder)}.draft`;
  // The undertaker looks for the line with the pid: keep one key a line.
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, stateFile(folder));
}

/** @param {string} folder */
export function removeState(folder) {
  rmSync(stateFile(folder), { force: true });
}
