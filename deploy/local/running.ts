// One mesh a checkout: the lock behind `npm start`, and what a second `npm start` finds.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './identity.mjs';
import { type Lock, tryLock } from './lock.mjs';
import { type MeshState, readRunningState, readState } from './state.mjs';

const LOOK_EVERY_MS = 100;
// What its undertaker takes to end a mesh that was killed, and some.
const BURIAL_MS_MAX = 6_000;

export type Turn = { readonly lock: Lock } | { readonly running: MeshState };

/** Either the right to start a mesh in this folder, or the mesh that runs there; waits while one is just starting or ending. */
export async function takeTurn(dir: string): Promise<Turn> {
  for (;;) {
    const lock = await tryLock(join(dir, 'lock'));
    if (lock !== undefined) {
      await waitForBurial(dir);
      return { lock };
    }
    const running = readRunningState(dir);
    if (running?.phase === 'ready') return { running };
    await sleep(LOOK_EVERY_MS);
  }
}

/** A predecessor that was killed still has its helper at work; its ports come free with the helper's end. */
async function waitForBurial(dir: string): Promise<void> {
  const signal = AbortSignal.timeout(BURIAL_MS_MAX);
  for (let left = readState(dir); left !== undefined && !signal.aborted; left = readState(dir)) {
    if (!isAlive(left.undertaker)) return;
    await sleep(LOOK_EVERY_MS);
  }
}
