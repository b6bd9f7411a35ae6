// A server that someone holds in the hand: kill it, stop it, bring it back with the same ports and data. nats.ts and consul.ts
// give these to tests and drills; `npm start` hands the same specs to its supervisor instead.
import { Child, type Exit, type ProcessSpec, StartFailed } from './child.js';
import { freePorts } from './free-ports.js';

const STOP_GRACE_MS = 3_000;
const PORT_TRIES = 5;

export class Server implements AsyncDisposable {
  #child: Child;

  constructor(
    readonly spec: ProcessSpec,
    private readonly logPath: string,
  ) {
    this.#child = new Child(spec, logPath);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.alive;
  }

  /** Settles when the present process ends. */
  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  async ready(): Promise<void> {
    await this.#child.ready;
  }

  /** Returns once the process is gone; with SIGSTOP or SIGCONT at once. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.signal(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.#child.exited;
  }

  async stop(): Promise<void> {
    this.#child.signal('SIGCONT');
    await this.#child.end(STOP_GRACE_MS);
  }

  /** The same server again: same ports, same data. Ends the present process first when it still runs. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = new Child(this.spec, this.logPath);
    await this.#child.ready;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts with free ports, and with others when somebody was faster. */
export async function onFreePorts<S extends Server>(
  count: number,
  start: (ports: number[]) => S,
): Promise<S> {
  for (let tries = 1; ; tries++) {
    const server = start(await freePorts(count));
    try {
      await server.ready();
      return server;
    } catch (error) {
      await server.stop();
      if (tries === PORT_TRIES || !(error instanceof StartFailed && error.portTaken)) throw error;
    }
  }
}
