// Leaves one core to others for good: a process that may wait, beside those for which somebody waits. A lower weight makes who wakes for a
// request come next; on a core that is not used it need not wait for the turn that is under way.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** By `taskset`, which every Linux has (util-linux). Does nothing where there is none, or a single core. */
export function leaveACore(pid: number): void {
  const cores = coresOf(pid).slice(1);
  if (cores.length === 0) return;
  spawn('taskset', ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(pid)], { stdio: 'ignore' })
    // A courtesy, no duty.
    .on('error', () => undefined)
    .unref();
}

/** The cores that a process may use; none where nobody says so, or it is gone. */
export function coresOf(pid: number): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return readCores(list ?? '');
  } catch {
    return [];
  }
}

/** `0-2,5` as Linux writes it. */
export const readCores = (list: string): number[] =>
  list
    .split(',')
    .filter(Boolean)
    .flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
