// HiGHS in a thread of its own: it computes without pause, and the thread can be ended when its time is up.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Programme } from './lp-writer.js';

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
  /** When the thread is ended if the solver has not noticed that its time is up: a second after that when not given. */
  readonly patienceS?: number;
}

// Loading the 3.5 MB of WebAssembly, and what a solver needs to notice that its time is up.
const GRACE_S = 1;

// As text, because a worker is started from JavaScript and the tests run the sources: there is no such file beside them.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const ready = require(workerData.highs)();
parentPort.on('message', async ({ text, seconds, gap, start }) => {
  const model = (await ready).createModel({ format: 'lp', data: text });
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
  model.dispose();
});
`;

interface Answer {
  readonly status: unknown;
  readonly objective: number;
  readonly bound: number;
  readonly primal: number;
  readonly values: ArrayLike<number>;
}

/** One programme after the other in the same thread: the WebAssembly is loaded once. */
export class SolverThread {
  private worker: Worker | undefined;

  /** Loads the solver before it is asked anything. */
  begin(): void {
    this.running();
  }

  /** Undefined when nothing was found: there is no solution, or none within the time. Aborting ends the thread and rejects. */
  async solve(
    { text, variables }: Programme,
    { seconds, gap, patienceS = seconds + GRACE_S }: SolverLimits,
    start?: ReadonlyMap<string, number>,
    signal?: AbortSignal,
  ): Promise<Solved | undefined> {
    signal?.throwIfAborted();
    const worker = this.running();
    worker.postMessage({
      ...{ text, seconds, gap },
      start: start && Float64Array.from(variables, (name) => start.get(name) ?? 0),
    });
    let answer: Answer | undefined;
    try {
      answer = await answerOf(worker, patienceS * 1_000, signal);
    } finally {
      if (!answer) await this.close();
    }
    // 2: a feasible point, in HiGHS' numbers.
    if (!answer || answer.primal !== 2) return undefined;
    const { values, objective, bound } = answer;
    const byName = new Map(variables.map((name, column) => [name, values[column] ?? 0]));
    const within = objective - bound <= (gap + 1e-6) * Math.abs(objective) + 1e-9;
    return {
      ...{ quality: within ? 'optimal' : 'feasible', objective, bound },
      value: (name) => byName.get(name) ?? 0,
    };
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private running(): Worker {
    const highs = createRequire(import.meta.url).resolve('highs');
    this.worker ??= new Worker(PROGRAM, { eval: true, workerData: { highs } });
    return this.worker;
  }
}

async function answerOf(worker: Worker, limitMs: number, signal?: AbortSignal): Promise<Answer | undefined> {
  const done = new AbortController();
  const { signal: ended } = done;
  try {
    const messages = once(worker, 'message', { signal: ended }) as Promise<[Answer]>;
    const exit = once(worker, 'exit', { signal: ended }).then(() => undefined);
    const timeUp = sleep(Math.ceil(limitMs), undefined, { signal: ended });
    const called = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: ended }),
    );
    const all = [messages.then(([answer]) => answer), exit, timeUp, called];
    for (const one of all) one.catch(() => undefined);
    return await Promise.race(all);
  } finally {
    done.abort();
  }
}
