// The process that buries the others: a tiny shell script which ends every process group we started once our own process is
// gone, even by SIGKILL. Child registers here; nobody else needs to. The script is undertaker.sh.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { root } from './root.mjs';

let helper: ChildProcess | undefined;
const groups = new Set<number>();
let stateFile: string | undefined;

/** Puts a process group (the pid of its leader) under care. */
export function bury(group: number): void {
  groups.add(group);
  say(`add ${group}`);
}

/** The group has ended by itself. */
export function spare(group: number): void {
  if (groups.delete(group)) say(`del ${group}`);
}

/** The file to remove along with the processes. */
export function buryState(file: string): void {
  stateFile = file;
  say(`state ${file}`);
}

/** The pid of the helper: whoever finds its supervisor dead waits for this one to end. */
export function undertakerPid(): number {
  return (helper ?? hire()).pid ?? 0;
}

function say(line: string): void {
  if (helper === undefined) hire();
  else helper.stdin?.write(`${line}\n`);
}

function hire(): ChildProcess {
  // Detached: a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
  const born = spawn('/bin/sh', [join(root, 'deploy', 'local', 'undertaker.sh')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  helper = born;
  // Somebody killed it: a new one takes over the same list.
  born.on('exit', () => {
    if (helper === born) helper = undefined;
    if (groups.size > 0 && helper === undefined) hire();
  });
  born.stdin.on('error', () => undefined);
  born.on('error', () => undefined);
  const lines = [...groups].map((group) => `add ${group}`);
  if (stateFile !== undefined) lines.push(`state ${stateFile}`);
  if (lines.length > 0) born.stdin.write(`${lines.join('\n')}\n`);
  born.unref();
  (born.stdin as Socket).unref();
  return born;
}
