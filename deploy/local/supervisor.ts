// Keeps the processes of a mesh on one machine running and ends them in order: those started last go first. `npm start` and
// the drills start everything through it; drills also kill through it.
import { join } from 'node:path';
import type { ProcessSpec } from './child.js';
import { KeptProcess, type ProcessState } from './kept-process.js';

export interface ProcessView {
  readonly name: string;
  readonly kind: string;
  readonly state: ProcessState;
  readonly pid: number | undefined;
  readonly restarts: number;
}

export interface SupervisorOptions {
  /** A file for each process, `<name>.log`. */
  readonly logs: string;
  /** Called after every change of a state or pid. */
  readonly onChange?: () => void;
  /** How long a process may take to leave before it is killed. */
  readonly graceMs?: number;
}

// Three tiers of servers and services end within the ten seconds that a person waits for.
const GRACE_MS = 3_000;

export class Supervisor implements AsyncDisposable {
  readonly #tiers: KeptProcess[][] = [];
  #leaving = false;

  constructor(private readonly options: SupervisorOptions) {}

  /** Starts a tier and returns when all of it is ready; fails when one of it does not come up. */
  async start(specs: readonly ProcessSpec[]): Promise<void> {
    if (this.#leaving) throw new Error('the mesh is stopping');
    const tier = specs.map((spec) => {
      const log = join(this.options.logs, `${spec.name}.log`);
      return new KeptProcess(spec, log, () => this.options.onChange?.());
    });
    this.#tiers.push(tier);
    await Promise.all(tier.map((kept) => kept.firstReady));
  }

  list(): ProcessView[] {
    return this.#tiers.flat().map((kept) => ({
      name: kept.spec.name,
      kind: kept.spec.kind,
      state: kept.state,
      pid: kept.pid,
      restarts: kept.restarts,
    }));
  }

  /** The process of this name. */
  process(name: string): KeptProcess {
    const found = this.#tiers.flat().find((kept) => kept.spec.name === name);
    if (found === undefined)
      throw new Error(
        `no process is called ${name}: ${this.list()
          .map((p) => p.name)
          .join(', ')}`,
      );
    return found;
  }

  async stop(): Promise<void> {
    this.#leaving = true;
    for (let tier = this.#tiers.pop(); tier !== undefined; tier = this.#tiers.pop()) {
      await Promise.all(tier.map((kept) => kept.stop(this.options.graceMs ?? GRACE_MS)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
