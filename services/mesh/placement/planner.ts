// Plans in a thread of its own: a plan for thousands of shards computes for seconds, and the process that asks renews a lease meanwhile.
// planners.ts leans on it; the command line, which has nothing else to do, plans where it is.
import { Worker } from 'node:worker_threads';
import { failure } from '../../../contracts/errors.js';
import type { PlacementPlan, PlacementProblem } from '../../../contracts/placement.js';
import { comparePlans, planNow, planWell } from './plan.js';
import type { Planned, PlannerAnswer, PlannerQuestion } from './planner-messages.js';

/** Rejects with PLACEMENT_REFUSED where the problem contradicts itself, and with the signal's reason. */
export type Plan = (
  problem: PlacementProblem,
  what: Planned,
  signal?: AbortSignal,
) => Promise<readonly PlacementPlan[]>;

export const planHere: Plan = async (problem, what, signal) => {
  if (what === 'all') return comparePlans(problem, undefined, signal);
  return [what === 'solved' ? await planWell(problem, undefined, signal) : planNow(problem, what)];
};

interface Asked {
  readonly resolve: (plans: readonly PlacementPlan[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** The compiled program of the thread: a worker needs JavaScript. */
const ENTRY = new URL('./planner-worker.js', import.meta.url);
// Choices are many and short-lived.
const LIMITS = { maxYoungGenerationSizeMb: 64 };

export class PlannerThread {
  private worker: Worker | undefined;
  private readonly asked = new Map<number, Asked>();
  private last = 0;

  constructor(private readonly entry: URL | string = ENTRY) {}

  /** One after the other. Aborting ends the thread when nobody else waits for it; the next question starts another. */
  readonly plan: Plan = async (problem, what, signal) => {
    signal?.throwIfAborted();
    const id = ++this.last;
    const question: PlannerQuestion = { id, problem, what };
    const answered = new Promise<readonly PlacementPlan[]>((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
    });
    const giveUp = (): void => {
      this.asked.get(id)?.reject(signal?.reason);
      this.asked.delete(id);
      if (this.asked.size === 0) void this.close();
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    this.running().postMessage(question);
    try {
      return await answered;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  };

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(this.entry, { resourceLimits: LIMITS });
    worker.unref();
    worker.on('message', ({ id, plans, failure: plain }: PlannerAnswer) => {
      const asked = this.asked.get(id);
      this.asked.delete(id);
      if (plans) asked?.resolve(plans);
      else if (plain?.code) asked?.reject(failure(plain.code, plain.message, plain.fields));
      else asked?.reject(new Error(plain?.message ?? 'The planner said nothing.'));
    });
    const ended = (cause: unknown): void => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      for (const { reject } of this.asked.values()) reject(cause);
      this.asked.clear();
    };
    worker.once('error', ended);
    worker.once('exit', (code) => ended(new Error(`The planner's thread ended with ${code}.`)));
    this.worker = worker;
    return worker;
  }
}
