// One process that is kept running: what dies is started again, after a pause that grows. The supervisor owns one for each.
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, deathsInARow } from './backoff.js';
import { Child, type ProcessSpec, StartFailed } from './child.js';

export type ProcessState = 'starting' | 'ready' | 'backoff' | 'stopping' | 'stopped';

// A process that never came up has a reason that more tries will not cure.
const FIRST_TRIES_MAX = 3;
const HUNG_GRACE_MS = 1_000;

interface FirstReady {
  resolve(): void;
  reject(reason: unknown): void;
}

export class KeptProcess {
  #state: ProcessState = 'starting';
  #child: Child;
  #restarts = 0;
  #letGo: (() => void) | undefined;
  #held: Promise<void> | undefined;
  readonly #leaving = new AbortController();
  readonly #changes = new EventEmitter<{ change: [] }>().setMaxListeners(0);
  readonly #kept: Promise<void>;
  /** Settles with the first readiness; fails when the process does not come up at all. */
  readonly firstReady: Promise<void>;

  constructor(
    readonly spec: ProcessSpec,
    private readonly logPath: string,
    private readonly onChange: () => void,
  ) {
    this.#child = new Child(spec, logPath);
    const first: FirstReady = { resolve: () => undefined, reject: () => undefined };
    this.firstReady = new Promise<void>((resolve, reject) => Object.assign(first, { resolve, reject }));
    this.firstReady.catch(() => undefined);
    this.#kept = this.#keep(first);
  }

  get state(): ProcessState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Undefined between two lives. */
  get pid(): number | undefined {
    return this.#child.alive ? this.#child.pid : undefined;
  }

  /** A signal for the process alone, as a drill sends it. */
  signal(name: NodeJS.Signals): void {
    this.#child.signal(name);
  }

  /** Killed, and not started again before resume(): a machine that is gone, as a drill takes it away. */
  hold(): void {
    this.#held ??= new Promise((resolve) => (this.#letGo = resolve));
    this.#child.signal('SIGKILL');
  }

  resume(): void {
    this.#letGo?.();
    this.#held = undefined;
  }

  /** Waits until it is in this state. */
  async reaches(state: ProcessState, signal?: AbortSignal): Promise<void> {
    while (this.#state !== state) await once(this.#changes, 'change', { signal });
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.#leaving.signal.aborted) {
      this.#leaving.abort();
      this.resume();
      if (this.#child.alive) this.#enter('stopping');
    }
    // A stopped process takes no TERM.
    this.#child.signal('SIGCONT');
    await this.#child.end(graceMs);
    await this.#kept;
  }

  async #keep(first: FirstReady): Promise<void> {
    let deaths = 0;
    let wasReady = false;
    for (;;) {
      const bornMs = performance.now();
      try {
        await this.#child.ready;
        wasReady = true;
        if (!this.#leaving.signal.aborted) this.#enter('ready');
        first.resolve();
        await this.#child.exited;
      } catch (error) {
        await this.#child.end(HUNG_GRACE_MS);
        const hopeless = deaths + 1 >= FIRST_TRIES_MAX || (error instanceof StartFailed && error.portTaken);
        if (!wasReady && (hopeless || this.#leaving.signal.aborted)) {
          this.#enter('stopped');
          first.reject(error);
          return;
        }
      }
      deaths = deathsInARow(deaths, performance.now() - bornMs);
      if (!this.#leaving.signal.aborted) await this.#pause(backoffMs(deaths));
      await this.#held;
      if (this.#leaving.signal.aborted) break;
      this.#restarts++;
      this.#child = new Child(this.spec, this.logPath);
      this.#enter('starting');
    }
    this.#enter('stopped');
  }

  async #pause(ms: number): Promise<void> {
    this.#enter('backoff');
    await sleep(ms, undefined, { signal: this.#leaving.signal }).catch(() => undefined);
  }

  #enter(state: ProcessState): void {
    this.#state = state;
    this.#changes.emit('change');
    this.onChange();
  }
}
