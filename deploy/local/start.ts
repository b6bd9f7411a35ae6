// `npm start` once dependencies, build and servers are there (start.mjs sees to that): one mesh of this checkout, from its lock
// to its last process.
import { join } from 'node:path';
import { systemClock } from '../../services/mesh/clock.js';
import { giveBackWhenIdle } from '../../services/mesh/give-back.js';
import { describeMesh } from './doors.js';
import { Keeper } from './keeper.js';
import { watchForLeaving } from './leaving.js';
import type { StartOptions } from './options.mjs';
import { FIRST_PORT } from './ports.js';
import { root } from './root.mjs';
import { takeTurn } from './running.js';
import type { MeshState } from './state.mjs';

// The whole mesh ends within ten seconds of Ctrl-C; what is left then is the undertaker's.
const STOP_WITHIN_MS = 9_500;

/** Keeps the mesh running until somebody ends it; returns the exit code. */
export async function start(options: StartOptions): Promise<number> {
  const dir = join(root, '.massif');
  const turn = await takeTurn(dir);
  if ('running' in turn) return serveFrom(turn.running, options.smoke);

  const leaving = watchForLeaving();
  const keeper = new Keeper(dir, options.development);
  try {
    const left = new Promise<void>((resolve) =>
      leaving.addEventListener('abort', () => resolve(), { once: true }),
    );
    const state = await Promise.race([keeper.boot(options.port ?? FIRST_PORT), left]);
    if (state === undefined) return 0;
    giveBackWhenIdle(systemClock);
    const code = await serveFrom(state, options.smoke);
    if (!options.smoke) await left;
    return code;
  } finally {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    await keeper.end();
    await turn.lock.release();
  }
}

async function serveFrom(state: MeshState, trying: boolean): Promise<number> {
  if (!trying) {
    process.stdout.write(`${describeMesh(state)}\n`);
    return 0;
  }
  const { passed, smoke, smokeTable } = await import('./smoke.js');
  const lines = await smoke(state);
  process.stdout.write(`${smokeTable(lines)}\n`);
  return passed(lines) ? 0 : 1;
}
