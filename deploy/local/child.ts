// One process of ours: started as its own process group, under the undertaker's care, its output in a file, and a promise for
// the moment it is ready. The server starters and the supervisor are built on it.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogFile } from './log-file.js';
import { bury, spare } from './undertaker.js';

export interface ProcessSpec {
  /** Unique in a mesh, such as `nats-east`; also the name of the log. */
  readonly name: string;
  /** What it is, such as `nats`, `shard`: drills choose by it. */
  readonly kind: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** `'message'`: a Node child says `{ type: 'ready' }` over its channel. Else a question asked until the answer is yes. */
  readonly ready: 'message' | ((output: string) => boolean | Promise<boolean>);
  readonly readyWithinMs: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const PROBE_EVERY_MS = 20;
// Lines still in the pipe when the process is gone; longer only if somebody outside its group holds the pipe open.
const LAST_WORDS_MS = 200;

export class Child {
  readonly exited: Promise<Exit>;
  readonly ready: Promise<void>;
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #log: LogFile;
  #exit: Exit | undefined;

  constructor(
    readonly spec: ProcessSpec,
    logPath: string,
  ) {
    this.#log = new LogFile(logPath);
    this.#process = spawn(spec.command, spec.args, {
      detached: true,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(spec.ready === 'message' ? ['ipc' as const] : [])],
    });
    this.pid = this.#process.pid ?? 0;
    if (this.pid > 0) bury(this.pid);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#log.write(chunk));
    }
    this.exited = this.#watch();
    this.ready = this.#becomeReady();
    // Who does not wait for readiness (a supervisor that is stopping) still sees the exit.
    this.ready.catch(() => undefined);
  }

  get alive(): boolean {
    return this.#exit === undefined;
  }

  /** The last lines it wrote. */
  get output(): string {
    return this.#log.tail;
  }

  /** A signal for this process alone. */
  signal(name: NodeJS.Signals): void {
    if (this.alive && this.pid > 0) process.kill(this.pid, name);
  }

  /** TERM, and after the grace KILL for it and all it started. */
  async end(graceMs: number): Promise<Exit> {
    this.signal('SIGTERM');
    const patience = new AbortController();
    const late = sleep(graceMs, undefined, { signal: patience.signal }).then(
      () => this.#signalGroup('SIGKILL'),
      () => undefined,
    );
    const exit = await this.exited;
    patience.abort();
    await late;
    return exit;
  }

  async #watch(): Promise<Exit> {
    const closed = new Promise((resolve) => this.#process.once('close', resolve));
    const exit = await new Promise<Exit>((resolve) => {
      this.#process.once('error', (error) => {
        this.#log.write(Buffer.from(`${error.message}\n`));
        resolve({ code: null, signal: null });
      });
      this.#process.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.#exit = exit;
    // Its own children (a shard's engines) end with it.
    this.#signalGroup('SIGKILL');
    spare(this.pid);
    await Promise.race([closed, sleep(LAST_WORDS_MS)]);
    this.#log.close();
    return exit;
  }

  #signalGroup(name: NodeJS.Signals): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, name);
    } catch {
      // The group is empty already.
    }
  }

  async #becomeReady(): Promise<void> {
    const deadline = new AbortController();
    const { name, ready, readyWithinMs } = this.spec;
    const gone = this.exited.then(
      (exit) => `ended with ${exit.signal ?? `code ${exit.code}`} before it was ready`,
    );
    const late = sleep(readyWithinMs, `was not ready within ${readyWithinMs} ms`, {
      signal: deadline.signal,
    });
    const reached = ready === 'message' ? this.#saysReady() : this.#answersYes(ready, deadline.signal);
    try {
      const trouble = await Promise.race([reached, gone, late]);
      if (trouble !== undefined) throw new StartFailed(`${name} ${trouble}`, this.#log.path, this.output);
    } finally {
      deadline.abort();
      await Promise.allSettled([ready === 'message' ? undefined : reached, late]);
    }
  }

  async #saysReady(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#process.on('message', (message: { readonly type?: unknown } | null) => {
        if (message?.type === 'ready') resolve(undefined);
      });
    });
  }

  async #answersYes(
    ask: (output: string) => boolean | Promise<boolean>,
    signal: AbortSignal,
  ): Promise<undefined> {
    while (!(await ask(this.output))) await sleep(PROBE_EVERY_MS, undefined, { signal });
    return undefined;
  }
}

/** The process ended or hung before it was ready; the message carries its last words. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
  /** Somebody else holds one of its ports. */
  readonly portTaken: boolean;

  constructor(what: string, log: string, output: string) {
    super(`${what}. The last lines of ${log}:\n${output.trim().split('\n').slice(-12).join('\n')}`);
    this.portTaken = /address already in use|EADDRINUSE/i.test(output);
  }
}
