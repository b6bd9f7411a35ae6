// What the processes of a mesh take in RAM, as Linux says: resident, and proportional (pages that processes share are divided by
// those who share them). MiB.
import { readdirSync, readFileSync } from 'node:fs';
import type { DrillMesh } from '../../chaos-tests/harness.js';

export interface Memory {
  readonly rss: number;
  readonly pss: number;
}

/** `engines` are those with replicas; `shards` are hosts with all their children, spares included. */
export function memoryOf(
  mesh: DrillMesh,
  engines: readonly number[],
): Record<'engines' | 'shards' | 'control' | 'edge', Memory> {
  const pids = (kind: string): number[] =>
    mesh
      .targets()
      .flatMap((target) => (target.kind === kind && target.pid !== undefined ? [target.pid] : []));
  const hosts = pids('shard');
  return {
    engines: sumOf(engines),
    shards: sumOf([...hosts, ...hosts.flatMap(childrenOf)]),
    control: sumOf(pids('control')),
    edge: sumOf(pids('edge')),
  };
}

export function sumOf(pids: readonly number[]): Memory {
  const all = pids.map(memoryOfProcess);
  const sum = (of: (memory: Memory) => number): number =>
    Math.round(all.reduce((total, one) => total + of(one), 0));
  return { rss: sum(({ rss }) => rss), pss: sum(({ pss }) => pss) };
}

function memoryOfProcess(pid: number): Memory {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const mib = (word: string): number =>
      Number(new RegExp(`^${word}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1_024;
    return { rss: mib('Rss'), pss: mib('Pss') };
  } catch {
    return { rss: 0, pss: 0 }; // it ended just now, or this is no Linux
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(ppid) === parent ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
