// Engines whose host was killed while they were stuck in a run cannot notice that it is gone. The next life of the host ends them:
// each engine has a file with its process id, and a process is killed only when it still is an engine of ours.
import { join } from 'node:path';

export interface OrphanWorld {
  readonly list: (dir: string) => string[];
  readonly read: (path: string) => string;
  readonly remove: (path: string) => void;
  readonly kill: (pid: number) => void;
}

const PID_FILE = /^(\d+)-\d+\.note\.pid$/;

/** How many were killed. */
export function killOrphans(dir: string, entry: string, world: OrphanWorld): number {
  let killed = 0;
  for (const file of world.list(dir).filter((name) => name.includes('.note'))) {
    const path = join(dir, file);
    if (PID_FILE.test(file) && endIfOurs(Number(world.read(path)), entry, world)) killed++;
    world.remove(path);
  }
  return killed;
}

function endIfOurs(pid: number, entry: string, { read, kill }: OrphanWorld): boolean {
  try {
    // The number may be another process's by now. Where there is no /proc, an orphan ends after its run.
    if (!read(`/proc/${pid}/cmdline`).split('\0').includes(entry)) return false;
    kill(pid);
    return true;
  } catch {
    return false; // gone already
  }
}
