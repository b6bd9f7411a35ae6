// Memory of this process and all below it, each page once: what is shared by several is divided among them, as Linux' proportional set size
// does. What is anonymous must be there; pages of files the kernel may drop and read again.
import { readdirSync, readFileSync } from 'node:fs';

export interface TreeMemory {
  readonly anonymousBytes: number;
  readonly fileBytes: number;
  /** Both, by what the process is. */
  readonly byKind: Readonly<Record<string, number>>;
}

export function treeMemory(): TreeMemory {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isOurs = (pid: number): boolean =>
    pid === process.pid || ((parents.get(pid) ?? 0) > 1 && isOurs(parents.get(pid) ?? 0));
  let anonymousBytes = 0;
  let fileBytes = 0;
  const byKind: Record<string, number> = {};
  for (const pid of [...parents.keys()].filter(isOurs)) {
    const text = read(`/proc/${pid}/smaps_rollup`);
    const of = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1_024;
    const [anonymous, file] = [of('Pss_Anon') + of('Pss_Shmem'), of('Pss_File')];
    anonymousBytes += anonymous;
    fileBytes += file;
    const kind = kindOf(pid);
    byKind[kind] = (byKind[kind] ?? 0) + anonymous + file;
  }
  return { anonymousBytes, fileBytes, byKind };
}

function kindOf(pid: number): string {
  if (pid === process.pid) return 'client';
  const line = read(`/proc/${pid}/cmdline`).split('\0');
  const [program = '', script = ''] = line;
  if (!program.endsWith('node')) return program.split('/').at(-1) ?? program;
  return (
    /([\w-]+)\/(?:main|engine)\.js$/.exec(line.find((part) => part.endsWith('.js')) ?? script)?.[1] ?? 'node'
  );
}

/** A process may end while one looks. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
