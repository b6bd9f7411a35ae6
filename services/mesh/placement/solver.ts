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
  readonly value: (variable: string) => number;
}

export interface SolverLimits {
  readonly seconds: number;
  /** Ends when the objective is within this part of the bound. */
  readonly gap: number;
  /** Looks for good solutions instead of proofs: so much of the time goes into smaller programmes round those that are known. */
  readonly heuristics?: number;
  /** When the thread is ended if the solver has not noticed that its time is up: a second after that when not given. */
  readonly patienceS?: number;
}

// Loading the 3.5 MB of WebAssembly, and what a solver needs to notice that its time is up.
const GRACE_S = 1;

// As text, because a worker is started from JavaScript and the tests run the sources: there is no such file beside them.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const ready = require(workerData.highs)();
parentPort.on('message', async ({ text, seconds, gap, heuristics, below, start }) => {
  const model = (await ready).createModel({ format: 'lp', data: text });
  model.options.set({ output_flag: false, time_limit: seconds, mip_rel_gap: gap });
  if (heuristics)
    model.options.set({
      mip_heuristic_effort: heuristics,
      mip_heuristic_run_feasibility_jump: false,
      mip_detect_symmetry: false,
    });
  if (below !== undefined) model.options.set({ objective_bound: below, mip_heuristic_effort: 0 });
  if (start) model.setSolution({ colValue: start });
  // 4: a better solution, in HiGHS' numbers. Told at once: a thread may be ended before the solver notices that its time is up.
  model.run({
    4: ({ data }) =>
      parentPort.postMessage({
        objective: data.objective_function_value,
        bound: data.mip_dual_bound,
        values: data.mip_solution,
      }),
  });
  // 2: a feasible point.
  const found = Number(model.info.get('primal_solution_status')) === 2;
  parentPort.postMessage({
    ended: true,
    objective: model.info.get('objective_function_value'),
    bound: model.info.get('mip_dual_bound'),
    values: found ? model.getSolution().colValue : undefined,
  });
  model.dispose();
});
`;

interface Answer {
  /** The solver's last word. */
  readonly ended?: true;
  readonly objective: number;
  readonly bound: number;
  readonly values: ArrayLike<number> | undefined;
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
    programme: Programme,
    limits: SolverLimits,
    start?: ReadonlyMap<string, number>,
    signal?: AbortSignal,
  ): Promise<Solved | undefined> {
    const { variables } = programme;
    const begin = start && Float64Array.from(variables, (name) => start.get(name) ?? 0);
    const answer = await this.ask(programme, limits, { start: begin }, signal);
    if (!answer?.values) return undefined;
    const { gap } = limits;
    const { values, objective, bound } = answer;
    const byName = new Map(variables.map((name, column) => [name, values[column] ?? 0]));
    const within = objective - bound <= (gap + 1e-6) * Math.abs(objective) + 1e-9;
    return {
      quality: within ? 'optimal' : 'feasible',
      objective,
      bound,
      value: (name) => byName.get(name) ?? 0,
    };
  }

  /** What no solution is better than, up to `below`: the tree is narrow where nothing beyond it is of interest. */
  async prove(programme: Programme, limits: SolverLimits, below: number): Promise<number> {
    const answer = await this.ask(programme, limits, { below });
    return Math.min(answer?.bound ?? Number.NEGATIVE_INFINITY, below);
  }

  private async ask(
    { text }: Programme,
    { seconds, gap, heuristics, patienceS = seconds + GRACE_S }: SolverLimits,
    more: { readonly start?: Float64Array | undefined; readonly below?: number },
    signal?: AbortSignal,
  ): Promise<Answer | undefined> {
    signal?.throwIfAborted();
    const worker = this.running();
    worker.postMessage({ text, seconds, gap, heuristics, ...more });
    let answer: Answer | undefined;
    try {
      answer = await answerOf(worker, patienceS * 1_000, signal);
      return answer;
    } finally {
      if (!answer?.ended) await this.close();
    }
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private running(): Worker {
    const highs = createRequire(import.meta.url).resolve('highs');
    if (!this.worker) {
      this.worker = new Worker(PROGRAM, { eval: true, workerData: { highs } });
      // Who waits for an answer has a timer.
      this.worker.unref();
    }
    return this.worker;
  }
}

/** The last word, or what is best when the time is up. Undefined when that is nothing. */
async function answerOf(worker: Worker, limitMs: number, signal?: AbortSignal): Promise<Answer | undefined> {
  const done = new AbortController();
  const { signal: ended } = done;
  let best: Answer | undefined;
  const last = new Promise<Answer>((resolve) => {
    const listen = (answer: Answer): void => {
      best = answer;
      if (answer.ended) resolve(answer);
    };
    worker.on('message', listen);
    ended.addEventListener('abort', () => worker.off('message', listen), { once: true });
  });
  try {
    const exit = once(worker, 'exit', { signal: ended });
    const timeUp = sleep(Math.ceil(limitMs), undefined, { signal: ended });
    const called = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: ended }),
    );
    for (const one of [exit, timeUp, called]) one.catch(() => undefined);
    await Promise.race([last, exit, timeUp, called]);
    return best;
  } finally {
    done.abort();
  }
}
