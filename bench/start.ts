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

export const benchmark: Benchmark = async ({ form }: BenchOptions) => {
  const dir = join(root, '.massif');
  if (readRunningState(dir))
    throw new Error('A mesh of this checkout is running: stop it first (Ctrl-C in its npm start).');
  const seconds: number[] = [];
  let memory = { controlMB: 0, edgeMB: 0, everythingMB: 0, everythingResidentMB: 0 };
  for (let run = 0; run < RUNS[form]; run++) {
    const started = performance.now();
    const npm = spawn('npm', ['start', '--silent', '--', '--port', String(FIRST_PORT)], {
      cwd: root,
      stdio: 'ignore',
    });
    try {
      const state = await firstAnswer(dir, started);
      seconds.push((performance.now() - started) / 1000);
      memory = measure(state);
    } finally {
      npm.kill('SIGTERM');
      await once(npm, 'exit');
      while (readRunningState(dir)) await sleep(50);
    }
  }
  const median = percentile(seconds, 0.5);
  return {
    results: { seconds, memory },
    aims: [
      { name: 'first answer', value: median, unit: 's', aim: 10, op: '<=' },
      { name: 'control process', value: memory.controlMB, unit: 'MB', aim: 180, op: '<=' },
      { name: 'edge process, the larger', value: memory.edgeMB, unit: 'MB', aim: 150, op: '<=' },
      {
        name: 'everything with servers and engines, shared pages once',
        value: memory.everythingMB,
        unit: 'MB',
        aim: 800,
        op: '<=',
      },
      {
        name: 'the same as a sum of resident sizes',
        value: memory.everythingResidentMB,
        unit: 'MB',
        aim: 800,
        op: '<=',
      },
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

/**
 * Memory in MB of the named processes and of all they started. A sum of resident sizes counts every page that processes share (the
 * text of Node, of onnxruntime) once for each of them, so the whole is also told as proportional set size, where Linux knows it.
 */
function measure(state: MeshState) {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
  const tree = (pid: number): number[] => [
    pid,
    ...rows.filter(([, parent]) => parent === pid).flatMap(([child]) => tree(child)),
  ];
  const residentKb = (pid: number): number => rows.find(([own]) => own === pid)?.[2] ?? 0;
  const largest = (kind: string): number =>
    Math.max(0, ...state.processes.filter((p) => p.kind === kind).map((p) => residentKb(p.pid ?? 0)));
  const mb = (kb: number): number => Math.round(kb / 1024);
  const all = tree(state.pid);
  const sum = (of: (pid: number) => number): number => mb(all.reduce((total, pid) => total + of(pid), 0));
  return {
    controlMB: mb(largest('control')),
    edgeMB: mb(largest('edge')),
    everythingMB: sum(proportionalKb),
    everythingResidentMB: sum(residentKb),
  };
}

function proportionalKb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it ended meanwhile, or this is no Linux
  }
}
