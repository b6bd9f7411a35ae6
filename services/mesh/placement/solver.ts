// HiGHS in a thread of its own: it computes without pause, and the thread can be ended when its time is up.
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Programme } from './programme.js';

export interface Solved {
  readonly quality: 'optimal' | 'feasible';
  readonly objective: number;
  /** No solution is better than this. */
  readonly bound: number;
  value(variable: string): number;
}

export interface SolverLimits {
  readonly seconds: number;
  /** Ends when the objective is within this part of the bound. */
  readonly gap: number;
}

// Loading the 3.5 MB of WebAssembly, and what a solver needs to notice that its time is up.
const GRACE_MS = 1_000;

// As text, because a worker is started from JavaScript and the tests run the sources: there is no such file beside them.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { text, seconds, gap, start, highs } = workerData;
require(highs)().then((solver) => {
  const model = solver.createModel({ format: 'lp', data: text });
  model.options.set({ output_flag: false, time_limit: seconds, mip_rel_gap: gap });
  if (start) model.setSolution({ colValue: start });
  model.run();
  parentPort.postMessage({
    status: model.getModelStatus(),
    objective: model.info.get('objective_function_value'),
    bound: model.info.get('mip_dual_bound'),
    primal: Number(model.info.get('primal_solution_status')),
    values: model.getSolution().colValue,
  });
});
`;

interface Answer {
  readonly status: unknown;
  readonly objective: number;
  readonly bound: number;
  readonly primal: number;
  readonly values: ArrayLike<number>;
}

/** Undefined when nothing was found: there is no solution, or none within the time. Aborting ends the thread and rejects. */
export async function solve(
  { text, variables }: Programme,
  { seconds, gap }: SolverLimits,
  start?: ReadonlyMap<string, number>,
  signal?: AbortSignal,
): Promise<Solved | undefined> {
  signal?.throwIfAborted();
  const highs = createRequire(import.meta.url).resolve('highs');
  const values = start && Float64Array.from(variables, (name) => start.get(name) ?? 0);
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { text, seconds, gap, start: values, highs },
  });
  try {
    const answer = await answerOf(worker, seconds * 1_000 + GRACE_MS, signal);
    // 2: a feasible point, in HiGHS' numbers.
    if (!answer || answer.primal !== 2) return undefined;
    const byName = new Map(variables.map((name, column) => [name, answer.values[column] ?? 0]));
    const within = answer.objective - answer.bound <= (gap + 1e-6) * Math.abs(answer.objective) + 1e-9;
    return {
      quality: within ? 'optimal' : 'feasible',
      objective: answer.objective,
      bound: answer.bound,
      value: (name) => byName.get(name) ?? 0,
    };
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker, limitMs: number, signal?: AbortSignal): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const timeUp = AbortSignal.timeout(Math.ceil(limitMs));
    timeUp.addEventListener('abort', () => resolve(undefined), { once: true });
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}
