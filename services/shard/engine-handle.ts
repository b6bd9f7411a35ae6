// One engine process as its host sees it: forked, given orders, asked how it is, killed. It reports what happened and decides
// nothing; engine-pool.ts does that.
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import assert from 'node:assert';
import { failure, type Failure } from '../../contracts/errors.js';
import { helperThreads } from '../mesh/helper-threads.js';
import { oldSpaceFloor } from '../mesh/old-space-floor.js';
import { notedReplica } from './engine/run-note.js';
import { HeardCounters } from './heard-counters.js';
import type {
  CallDone,
  EngineMessage,
  EngineStatistics,
  HostCall,
  HostMessage,
  LoadedReport,
  LoadOrder,
  ReplicaCounters,
} from './engine-messages.js';

export interface EngineOptions {
  /** The compiled engine/engine.js. */
  readonly entry: string;
  readonly name: string;
  readonly region: string;
  readonly natsUrl: string;
  readonly natsKey?: string | undefined;
  readonly threads: number;
  readonly device: string;
  readonly bodyMaxBytes: number;
  readonly sequenceBytesMax?: number | undefined;
  readonly keptMaxBytes: number;
  readonly observe?: boolean | undefined;
  /** An empty folder: onnxruntime looks for external data there when nobody hands it over. */
  readonly workDir: string;
  readonly notePath: string;
}

export interface EngineEvents {
  readonly warming: (replica: string) => void;
  readonly ended: (why: string) => void;
}

/** Omit on each member: the call number is ours to give. */
type Order<T extends HostCall = HostCall> = T extends HostCall ? Omit<T, 'call'> : never;

/** And none of the host's own. Some 15 MiB live in an engine, whatever its models: those are the library's. */
const ENGINE_FLAGS = [helperThreads(), oldSpaceFloor(64)];

export class EngineHandle {
  readonly pid: number;
  /** Settles when it may be given models; rejects when it ends before. */
  readonly started: Promise<void>;
  private readonly child: ChildProcess;
  private readonly calls = new Map<number, (result: CallDone | Failure) => void>();
  private work = 0;
  private lastCall = 0;
  private readonly heard = new HeardCounters();
  private heardRssBytes = 0;
  private answeredPings = 0;
  private isAlive = true;
  private markStarted: () => void = () => undefined;
  private markEnded: () => void = () => undefined;
  private readonly ended = new Promise<void>((resolve) => (this.markEnded = resolve));

  constructor(
    readonly options: EngineOptions,
    private readonly events: EngineEvents,
  ) {
    const {
      entry,
      name,
      workDir,
      region,
      natsUrl,
      natsKey,
      threads,
      device,
      bodyMaxBytes,
      keptMaxBytes,
      observe,
      notePath,
      sequenceBytesMax,
    } = options;
    this.child = fork(entry, [name], { cwd: workDir, execArgv: ENGINE_FLAGS, serialization: 'json' });
    this.pid = this.child.pid ?? 0;
    if (this.pid !== 0) writeFileSync(pidPath(notePath), String(this.pid));
    this.started = new Promise((resolve, reject) => {
      this.markStarted = resolve;
      this.child.once('exit', () =>
        reject(failure('ENGINE_FAILED', `The engine ${name} ended as it started.`)),
      );
    });
    // Whoever waits for it hears of it; when nobody does, that is no error of its own.
    this.started.catch(() => undefined);
    this.child.on('message', (message: EngineMessage) => this.hear(message));
    this.child.once('error', (error) => this.end(`could not be forked: ${error.message}`));
    this.child.once('exit', (code, signal) => this.end(signal ?? `exit code ${code}`));
    this.tell({
      kind: 'start',
      name,
      region,
      natsUrl,
      natsKey,
      threads,
      device,
      bodyMaxBytes,
      keptMaxBytes,
      observe,
      notePath,
      sequenceBytesMax,
    });
  }

  get alive(): boolean {
    return this.isAlive;
  }

  /** As of its last answer. */
  get rssBytes(): number {
    return this.heardRssBytes;
  }

  /** As of its last answer, or of the replica's last word. */
  counters(replica: string): ReplicaCounters | undefined {
    return this.heard.of(replica);
  }

  /** Grows with every answered ping: whoever watches compares. */
  get pongs(): number {
    return this.answeredPings;
  }

  /** Loading or leaving; a question about its counts is no work. */
  get busy(): boolean {
    return this.work > 0;
  }

  async load(order: Omit<LoadOrder, 'call' | 'kind'>): Promise<LoadedReport> {
    this.heard.begins(order.replica);
    const { loaded } = await this.callToWork({ kind: 'load', ...order });
    assert(loaded, 'an engine answers a load with its report');
    return loaded;
  }

  async unload(replica: string, drainMs: number): Promise<void> {
    await this.callToWork({ kind: 'unload', replica, drainMs });
  }

  /** Lets it finish what it has, then ends it. Settles when it is gone and has left no file. */
  async stop(drainMs: number): Promise<void> {
    await this.callToWork({ kind: 'stop', drainMs }).catch(() => undefined);
    this.kill();
    await this.ended;
  }

  /** Of these replicas, or all, after the run that is going on. */
  async statistics(replicas?: readonly string[]): Promise<readonly EngineStatistics[]> {
    return (await this.call({ kind: 'statistics', replicas })).statistics ?? [];
  }

  ping(): void {
    this.tell({ kind: 'ping' });
  }

  /** SIGKILL: a run hears nothing else. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** The number of the replica that it ran last, or was loading. */
  lastRun(): number | undefined {
    try {
      return notedReplica(readFileSync(this.options.notePath));
    } catch {
      return undefined;
    }
  }

  private async callToWork(order: Order): Promise<CallDone> {
    this.work++;
    try {
      return await this.call(order);
    } finally {
      this.work--;
    }
  }

  private async call(order: Order): Promise<CallDone> {
    const { name } = this.options;
    if (!this.isAlive) throw failure('ENGINE_FAILED', `The engine ${name} has ended.`);
    const call = ++this.lastCall;
    const result = await new Promise<CallDone | Failure>((resolve) => {
      this.calls.set(call, resolve);
      this.tell({ ...order, call });
    });
    this.calls.delete(call);
    if (result instanceof Error) throw result;
    return result;
  }

  private hear(message: EngineMessage): void {
    switch (message.kind) {
      case 'started':
        return this.markStarted();
      case 'warming':
        return this.events.warming(message.replica);
      case 'pong':
        this.answeredPings++;
        this.heardRssBytes = message.rssBytes;
        this.heard.changed(message.replicas);
        return;
      case 'done':
        if (message.left) this.heard.left(message.left);
        return this.calls.get(message.call)?.(message);
      case 'failed':
        return this.calls.get(message.call)?.(failure(message.code, message.message));
    }
  }

  private tell(message: HostMessage): void {
    // A process that is just going takes no messages; its exit says so.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private end(why: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    const lost = failure('ENGINE_FAILED', `The engine ${this.options.name} ended: ${why}.`);
    for (const settle of this.calls.values()) settle(lost);
    this.events.ended(why);
    rmSync(pidPath(this.options.notePath), { force: true });
    rmSync(this.options.notePath, { force: true });
    this.markEnded();
  }
}

const pidPath = (notePath: string): string => `${notePath}.pid`;
