// From `npm start` on an installed checkout to the first answered inference, and the memory of what then runs. It starts the
// checkout's own mesh, so none may be running.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDoorKey } from '../deploy/local/door-key.js';
import { root } from '../deploy/local/root.mjs';
import { type MeshState, readRunningState } from '../deploy/local/state.mjs';
import { type Benchmark, type BenchOptions, percentile } from './report.js';

const RUNS = { ci: 1, quick: 2, full: 5 } as const;
const FIRST_PORT = 17_400;
const GIVE_UP_MS = 60_000;
/** After the last example is there: what a start needed and nothing needs any more has been given back by then. */
const SETTLED_AFTER_MS = 20_000;

export const benchmark: Benchmark = async ({ form }: BenchOptions) => {
  const dir = join(root, '.massif');
  if (readRunningState(dir))
    throw new Error('A mesh of this checkout is running: stop it first (Ctrl-C in its npm start).');
  const seconds: number[] = [];
  let first: ProcessMemory[] = [];
  let settled: ProcessMemory[] = [];
  for (let run = 0; run < RUNS[form]; run++) {
    const started = performance.now();
    const npm = spawn('npm', ['start', '--silent', '--', '--port', String(FIRST_PORT)], {
      cwd: root,
      stdio: 'ignore',
    });
    try {
      const state = await firstAnswer(dir, started);
      seconds.push((performance.now() - started) / 1000);
      first = measure(state);
      if (run < RUNS[form] - 1) continue;
      while (readRunningState(dir)?.phase !== 'ready') await sleep(500);
      await sleep(SETTLED_AFTER_MS);
      settled = measure(readRunningState(dir) ?? state);
    } finally {
      npm.kill('SIGTERM');
      await once(npm, 'exit');
      while (readRunningState(dir)) await sleep(50);
    }
  }
  console.table(settled);
  const largest = (kind: string): number =>
    Math.max(0, ...first.filter((one) => one.kind === kind).map(({ residentMB }) => residentMB));
  const sum = (all: readonly ProcessMemory[], of: (one: ProcessMemory) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  const aim = (name: string, value: number, most: number, unit = 'MB') => ({
    name,
    value,
    unit,
    aim: most,
    op: '<=' as const,
  });
  const proportional = (one: ProcessMemory): number => one.proportionalMB;
  return {
    results: { seconds, first, settled },
    aims: [
      aim('first answer', percentile(seconds, 0.5), 10, 's'),
      aim('control process', largest('control'), 180),
      aim('edge process, the larger', largest('edge'), 150),
      aim('everything with servers and engines, shared pages once', sum(settled, proportional), 800),
      aim('the same at the moment of the first answer', sum(first, proportional), 800),
      aim(
        'everything as a sum of resident sizes',
        sum(settled, (one) => one.residentMB),
        800,
      ),
    ],
  };
};

async function firstAnswer(dir: string, started: number): Promise<MeshState> {
  for (;;) {
    const state = readRunningState(dir);
    const rest = state?.regions[0]?.rest;
    if (state && rest && (await answers(rest, state.keys))) return state;
    if (performance.now() - started > GIVE_UP_MS) throw new Error(`no answer within ${GIVE_UP_MS / 1000} s`);
    await sleep(50);
  }
}

async function answers(rest: string, keys: string): Promise<boolean> {
  const zeros = (n: number): number[] => Array.from({ length: n }, () => 0);
  const inputs = [
    { name: 'input', datatype: 'FP32', shape: [1, 576], data: zeros(576) },
    { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: zeros(256) },
    { name: 'sr', datatype: 'INT64', shape: [], data: [16_000] },
  ];
  try {
    const reply = await fetch(`${rest}/v2/models/vad/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: (await readDoorKey(keys)) ?? '' },
      body: JSON.stringify({ inputs }),
    });
    return reply.ok;
  } catch {
    return false;
  }
}

interface ProcessMemory {
  readonly name: string;
  readonly kind: string;
  readonly residentMB: number;
  /** Pages that processes share (the text of Node, of onnxruntime) are divided by those who share them, where Linux says so. */
  readonly proportionalMB: number;
  /** Of these, what is no file's. */
  readonly anonymousMB: number;
}

/** All that `npm start` started, children of a named process under its name. */
function measure(state: MeshState): ProcessMemory[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
  const named = new Map(state.processes.map(({ pid, name, kind }) => [pid, { name, kind }]));
  const tree = (pid: number, parent = { name: 'npm start', kind: 'start' }): ProcessMemory[] => {
    const own = named.get(pid);
    const child = parent.kind === 'shard' ? { name: `${parent.name}'s engine`, kind: 'engine' } : parent;
    const { name, kind } = own ?? child;
    const resident = rows.find(([one]) => one === pid)?.[2] ?? 0;
    const rollup = rollupOf(pid);
    const memory = {
      name,
      kind,
      residentMB: mb(resident),
      proportionalMB: mb(rollup('Pss')),
      anonymousMB: mb(rollup('Pss_Anon')),
    };
    const children = rows.filter(([, ppid]) => ppid === pid).map(([child]) => child);
    return [memory, ...children.flatMap((child) => tree(child, { name, kind }))];
  };
  return tree(state.pid);
}

const mb = (kb: number): number => Math.round(kb / 1024);

function rollupOf(pid: number): (word: string) => number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return (word) => Number(new RegExp(`^${word}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  } catch {
    return () => 0; // it ended meanwhile, or this is no Linux
  }
}
