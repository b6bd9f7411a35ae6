// @ts-check
// One process at a time, without leaving a lock behind: a holder that was killed is recognised as gone. Set-up guards the build
// and the server cache with it, `npm start` the mesh of a checkout.
//
// A lock is a folder of numbered tickets, and the highest ticket holds it while its process lives. Taking over means creating
// the next number, which exactly one can do; nobody ever removes a lock that somebody else may just have taken.
import { link, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, ownIdentity } from './identity.mjs';

/** @typedef {{ release(): Promise<void> }} Lock */

const LOOK_EVERY_MS = 100;

/**
 * The lock, or undefined when a living process holds it.
 * @param {string} folder
 * @returns {Promise<Lock | undefined>}
 */
export async function tryLock(folder) {
  await mkdir(folder, { recursive: true });
  for (;;) {
    const tickets = await ticketsIn(folder);
    const top = Math.max(0, ...tickets);
    if (top > 0 && (await isHeld(join(folder, String(top))))) return undefined;
    const mine = top + 1;
    if (!(await draw(folder, mine))) continue;
    // Someone may have gone past us between the look and the draw; the highest number wins, always.
    if (Math.max(...(await ticketsIn(folder))) > mine) {
      await rm(join(folder, String(mine)), { force: true });
      continue;
    }
    await Promise.all(tickets.map((ticket) => rm(join(folder, String(ticket)), { force: true })));
    return { release: () => putBack(folder, mine) };
  }
}

/**
 * Runs `action` under the lock; `onWait` is called once when someone else is at it.
 * @template T
 * @param {string} folder
 * @param {() => void} onWait
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withLock(folder, onWait, action) {
  let lock = await tryLock(folder);
  if (lock === undefined) onWait();
  while (lock === undefined) {
    await sleep(LOOK_EVERY_MS);
    lock = await tryLock(folder);
  }
  try {
    return await action();
  } finally {
    await lock.release();
  }
}

/** @param {string} folder */
async function ticketsIn(folder) {
  const names = await readdir(folder);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** @param {string} ticket */
async function isHeld(ticket) {
  try {
    return isRunning(JSON.parse(await readFile(ticket, 'utf8')));
  } catch {
    // Gone since the look, so somebody is ahead: look again.
    return false;
  }
}

/** Creates a ticket whole: who reads it never sees half of it. @param {string} folder @param {number} number */
async function draw(folder, number) {
  const draft = join(folder, `draft-${process.pid}-${number}`);
  await writeFile(draft, JSON.stringify(ownIdentity()));
  try {
    await link(draft, join(folder, String(number)));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The ticket stays, so that numbers only grow, and names nobody. @param {string} folder @param {number} number */
async function putBack(folder, number) {
  const draft = join(folder, `draft-${process.pid}-${number}`);
  await writeFile(draft, JSON.stringify({ pid: 0, start: '' }));
  await rename(draft, join(folder, String(number)));
}
