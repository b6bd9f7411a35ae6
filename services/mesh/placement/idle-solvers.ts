// Solvers between two plans: their code is slow until it has been compiled well, which takes a second of solving, and their memory is
// worth giving back when no plan follows. The intelligent policy leans on it.
import { setTimeout as sleep } from 'node:timers/promises';
import { SolverThread } from './solver.js';

const KEPT_MS = 60_000;

const idle: { readonly thread: SolverThread; readonly sinceMs: number }[] = [];

export const borrowSolver = (): SolverThread => idle.pop()?.thread ?? new SolverThread();

export function giveBack(thread: SolverThread): void {
  idle.push({ thread, sinceMs: performance.now() });
  void sleep(KEPT_MS, undefined, { ref: false }).then(closeOld);
}

async function closeOld(): Promise<void> {
  const oldMs = performance.now() - KEPT_MS + 1;
  while (idle[0] && idle[0].sinceMs <= oldMs) await idle.shift()?.thread.close();
}
