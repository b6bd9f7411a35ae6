// @ts-check
// Which process is meant by a pid, for files that outlive it: a pid alone may belong to somebody else tomorrow. The lock and the
// state file write this down and compare it later.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @typedef {{ readonly pid: number, readonly start: string }} Identity */

/** @returns {Identity} */
export function ownIdentity() {
  return { pid: process.pid, start: startOf(process.pid) ?? '' };
}

/** Whether that very process still runs. @param {Identity} identity */
export function isRunning({ pid, start }) {
  return pid > 0 && start !== '' && startOf(pid) === start;
}

/** Whether some process with this pid runs; one that ended and was not collected yet does not. @param {number} pid */
export function isAlive(pid) {
  return pid > 0 && startOf(pid) !== undefined;
}

/**
 * When a process began, in words that no later process with the same pid repeats; undefined when there is none.
 * @param {number} pid
 * @returns {string | undefined}
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces: count from its end. The 22nd field counts ticks since the machine came up,
    // which the boot's own id makes unique. State Z is a process that ended and was not collected yet.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
  } catch {
    return process.platform === 'linux' ? undefined : startByPs(pid);
  }
}

/** @param {number} pid */
function startByPs(pid) {
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return line.trim() || undefined;
  } catch {
    return undefined;
  }
}
